//! Pushing a registry by remote write, for programs that nobody can scrape.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use expo_format::remote_write::{Message, Series, compress, v1, v2};
use expo_format::{Event, Format, PageParser, WriteOptions};
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, USER_AGENT};
use http::{Method, Request};
use metrics_core::instrument::{Clock, Registry};
use metrics_core::{Escaping, Exemplar, LabelSet, Metadata, Timestamp, Value};
use tokio::time::Instant;

use super::error::PushError;
use super::pace::{backoff, stopped_within};
use super::receiver::Receiver;

/// Bytes of a message before compression at which another one is begun.
const MESSAGE_SIZE: usize = 1 << 20;
/// Least wait after a failure, whatever the receiver says.
const MIN_WAIT: Duration = Duration::from_millis(100);
/// Bodies that wait while the receiver cannot be reached; beyond, the oldest are dropped.
const MAX_PENDING: usize = 100;

/// Sends the samples of a registry to a server that takes remote write, over HTTP without TLS.
///
/// What is sent is what a scrape would read, native histograms and exemplars included, with the labels given here. A scrape
/// would add `job` and `instance`; give them.
///
/// ```no_run
/// # async fn job(now: metrics_core::Timestamp) -> Result<(), Box<dyn std::error::Error>> {
/// use exporter_kit::RemoteWrite;
/// use exporter_kit::instrument::Registry;
///
/// let registry = Registry::new();
/// let remote = RemoteWrite::new("http://127.0.0.1:9090/api/v1/write")?.label("job", "backup");
/// remote.push(&registry, now).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct RemoteWrite {
    receiver: Receiver,
    path: String,
    labels: Vec<(String, String)>,
    message: Message,
}

impl RemoteWrite {
    /// Sends to this address, which names the path too: `http://host:9090/api/v1/write`.
    ///
    /// # Errors
    /// [`PushError::Address`] if the address is not of that form.
    pub fn new(address: &str) -> Result<Self, PushError> {
        let (receiver, path) = Receiver::new("remote-write receiver", address)?;
        Ok(Self { receiver, path, labels: Vec::new(), message: Message::V1 })
    }

    /// Adds a label to every series; a series' own label of that name counts for more.
    #[must_use]
    pub fn label(mut self, name: &str, value: &str) -> Self {
        self.labels.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Which version of the protocol to speak. [`Message::V1`], which every receiver understands, unless told otherwise.
    #[must_use]
    pub fn message(mut self, message: Message) -> Self {
        self.message = message;
        self
    }

    /// How long one request may take. 10 seconds unless told otherwise.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.receiver.timeout = timeout;
        self
    }

    /// Sends what the registry shows now, as of the time given.
    ///
    /// # Errors
    /// [`PushError`] if the receiver cannot be reached or refuses.
    pub async fn push(&self, registry: &Registry, now: Timestamp) -> Result<(), PushError> {
        for body in self.bodies(registry, now) {
            self.send(body).await?;
        }
        Ok(())
    }

    /// Sends the registry every `interval` until `shutdown`, and once more then. While the receiver cannot be reached,
    /// samples wait, for a hundred requests, and are sent in their order; attempts come after a second, then two, four, up to
    /// a minute, or when the receiver says. What it refuses for good is dropped. Every failure is told to `report`.
    ///
    /// # Errors
    /// That of the last attempt.
    pub async fn run(
        &self,
        registry: &Registry,
        interval: Duration,
        clock: Clock,
        shutdown: impl Future<Output = ()>,
        report: impl Fn(&PushError),
    ) -> Result<(), PushError> {
        let mut shutdown = pin!(shutdown);
        let mut pending = VecDeque::new();
        let mut failures = 0;
        let (mut due, mut retry) = (Instant::now(), Instant::now());
        loop {
            // Samples are taken when they are due, also while nothing can be sent.
            if due <= Instant::now() {
                self.add(&mut pending, registry, clock());
                due = Instant::now() + interval;
            }
            if retry <= Instant::now() {
                failures = match self.flush(&mut pending, &report).await {
                    Ok(()) => 0,
                    Err(error) => {
                        let pause = error.retry_after().unwrap_or(backoff(failures + 1));
                        retry = Instant::now() + pause.max(MIN_WAIT);
                        failures + 1
                    }
                };
            }
            let wake = if failures == 0 { due } else { due.min(retry) };
            let wait = wake.saturating_duration_since(Instant::now());
            if stopped_within(wait, shutdown.as_mut()).await {
                self.add(&mut pending, registry, clock());
                return self.flush(&mut pending, &report).await;
            }
        }
    }

    fn add(&self, pending: &mut VecDeque<Bytes>, registry: &Registry, now: Timestamp) {
        pending.extend(self.bodies(registry, now));
        let beyond = pending.len().saturating_sub(MAX_PENDING);
        pending.drain(..beyond);
    }

    /// Sends what waits, up to the first failure that may pass.
    async fn flush(
        &self,
        pending: &mut VecDeque<Bytes>,
        report: &impl Fn(&PushError),
    ) -> Result<(), PushError> {
        let mut outcome = Ok(());
        while let Some(body) = pending.front() {
            let sent = self.send(body.clone()).await;
            if let Err(error) = &sent {
                report(error);
                if error.is_temporary() {
                    return sent;
                }
            }
            outcome = sent;
            pending.pop_front();
        }
        outcome
    }

    async fn send(&self, body: Bytes) -> Result<(), PushError> {
        let request = Request::builder()
            .method(Method::POST)
            .uri(&self.path)
            .header(CONTENT_ENCODING, "snappy")
            .header(CONTENT_TYPE, self.message.content_type())
            .header(USER_AGENT, concat!("exporter-kit/", env!("CARGO_PKG_VERSION")))
            .header("X-Prometheus-Remote-Write-Version", self.message.version_header());
        self.receiver.send(request, body).await
    }

    /// Everything that the registry shows, as bodies of requests.
    fn bodies(&self, registry: &Registry, now: Timestamp) -> Vec<Bytes> {
        let mut page = Vec::new();
        let options = WriteOptions::default().escaping(Escaping::AllowUtf8);
        expo_format::write(&mut page, Format::Protobuf, &registry.gather().families, options);
        let mut parser = PageParser::new(Format::Protobuf, &page).keep_classic();
        let mut bodies = Bodies::new(self.message);
        let mut metadata = Metadata::default();
        // Our own page is well formed; if it were not, what is behind the fault would be left out.
        while let Ok(Some(event)) = parser.next_event() {
            match event {
                Event::Type { metric_type, .. } => metadata.metric_type = metric_type,
                Event::Unit { unit, .. } => unit.clone_into(&mut metadata.unit),
                Event::Help { name, help } => {
                    metadata = Metadata { help: help.into_owned(), ..Metadata::default() };
                    bodies.family = name.into_owned();
                }
                Event::Sample(sample) => {
                    let Ok(labels) = sample.series.label_set() else { continue };
                    let labels = self.labelled(&labels);
                    let exemplar = sample.exemplar.map(|e| e.to_exemplar());
                    bodies.add(
                        &metadata,
                        sample.created,
                        &Series {
                            samples: &[(sample.timestamp.unwrap_or(now), sample.value)],
                            exemplars: &dated(exemplar),
                            ..Series::new(&labels)
                        },
                    );
                }
                Event::Histogram(native) => {
                    let Ok(labels) = native.series.label_set() else { continue };
                    let labels = self.labelled(&labels);
                    let histograms: [(Timestamp, Value); 1] =
                        [(native.timestamp.unwrap_or(now), native.value)];
                    bodies.add(
                        &metadata,
                        native.created,
                        &Series {
                            histograms: &histograms,
                            exemplars: &dated(native.exemplars),
                            ..Series::new(&labels)
                        },
                    );
                }
                _ => {}
            }
        }
        bodies.finish()
    }

    fn labelled(&self, own: &LabelSet) -> LabelSet {
        let mut all = own.to_builder();
        for (name, value) in self.labels.iter().filter(|(name, _)| own.get(name).is_none()) {
            all.set(name, value.as_str());
        }
        all.build()
    }
}

/// Receivers refuse exemplars that have no time.
fn dated(exemplars: impl IntoIterator<Item = Exemplar>) -> Vec<Exemplar> {
    exemplars.into_iter().filter(|e| e.timestamp.is_some()).collect()
}

/// Messages being put together.
struct Bodies {
    builder: Builder,
    /// The family whose series come now, and whether its meaning has been written (1.0 only).
    family: String,
    told: String,
    done: Vec<Bytes>,
}

enum Builder {
    V1(v1::RequestBuilder),
    V2(v2::RequestBuilder),
}

impl Bodies {
    fn new(message: Message) -> Self {
        let builder = match message {
            Message::V1 => Builder::V1(v1::RequestBuilder::default()),
            Message::V2 => Builder::V2(v2::RequestBuilder::default()),
        };
        Self { builder, family: String::new(), told: String::new(), done: Vec::new() }
    }

    fn add(&mut self, metadata: &Metadata, created: Option<Timestamp>, series: &Series<'_>) {
        let size = match &mut self.builder {
            Builder::V1(builder) => {
                if self.told != self.family {
                    builder.metadata(&self.family, metadata);
                    self.told.clone_from(&self.family);
                }
                builder.series(series).size()
            }
            Builder::V2(builder) => builder.series(series, metadata, created).size(),
        };
        if size >= MESSAGE_SIZE {
            self.cut();
        }
    }

    /// Ends one message and begins another.
    fn cut(&mut self) {
        let message = match &mut self.builder {
            Builder::V1(builder) => std::mem::take(builder).finish(),
            Builder::V2(builder) => std::mem::take(builder).finish(),
        };
        self.done.push(Bytes::from(compress(&message)));
    }

    fn finish(mut self) -> Vec<Bytes> {
        let empty = match &self.builder {
            Builder::V1(builder) => builder.size() == 0,
            // The empty text is always there.
            Builder::V2(builder) => builder.size() <= v2::RequestBuilder::default().size(),
        };
        if !empty {
            self.cut();
        }
        self.done
    }
}
