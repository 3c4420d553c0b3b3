use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::mpsc;

use serde_json::{Value, json};

use super::*;

/// An Alertmanager that answers every request with `status` and hands over what it was sent.
fn alertmanager(status: &'static str) -> (String, mpsc::Receiver<(String, Value)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (sender, received) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, sender) = (stream.unwrap(), sender.clone());
            std::thread::spawn(move || {
                let mut data = Vec::new();
                let mut piece = [0; 4096];
                loop {
                    let n = stream.read(&mut piece).unwrap_or(0);
                    if n == 0 {
                        return;
                    }
                    data.extend_from_slice(&piece[..n]);
                    let text = String::from_utf8_lossy(&data).into_owned();
                    let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
                    let Ok(json) = serde_json::from_str(body) else { continue };
                    let line = head.lines().next().unwrap().to_owned();
                    let _ = sender.send((line, json));
                    write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n").unwrap();
                    data.clear();
                }
            });
        }
    });
    (address, received)
}

fn alert(name: &str) -> OutgoingAlert {
    OutgoingAlert {
        labels: LabelSet::from_pairs([("alertname", name)]),
        annotations: [("summary".to_owned(), "s".to_owned())].into(),
        starts_at: 0,
        ends_at: 240_000,
        generator_url: "http://h/graph".to_owned(),
    }
}

fn config(alertmanagers: &str) -> Config {
    let text = format!(
        "global: {{external_labels: {{site: eu, alertname: no}}}}
alerting:
  alert_relabel_configs: [{{source_labels: [alertname], regex: secret, action: drop}}]
  alertmanagers: [{alertmanagers}]"
    );
    Config::parse(&text, "t.yml", &|_| None).unwrap()
}

async fn found(notifier: &Notifier, count: usize) {
    for _ in 0..200 {
        if notifier.alertmanagers().0.len() == count {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("not discovered: {:?}", notifier.alertmanagers());
}

const LIMITS: QueueLimits = QueueLimits { capacity: 3, batch: 2 };

#[tokio::test(flavor = "multi_thread")]
async fn alerts_arrive_in_batches_with_external_labels() {
    let (address, received) = alertmanager("200 OK");
    let notifier = Notifier::new(LIMITS);
    notifier
        .apply(&config(&format!("{{path_prefix: /am, static_configs: [{{targets: ['{address}']}}]}}")))
        .unwrap();
    found(&notifier, 1).await;
    notifier.send(["a", "secret", "b", "c"].map(alert).to_vec());
    notifier.drain(Duration::from_secs(5)).await;
    let wait = Duration::from_secs(5);
    let (line, batch) = received.recv_timeout(wait).unwrap();
    assert_eq!(line, "POST /am/api/v2/alerts HTTP/1.1");
    assert_eq!(batch.as_array().unwrap().len(), 2);
    assert_eq!(batch[0]["labels"], json!({"alertname": "a", "site": "eu"}));
    assert_eq!(batch[0]["generatorURL"], "http://h/graph");
    assert_eq!(received.recv_timeout(wait).unwrap().1[0]["labels"]["alertname"], "c");
    let stats = notifier.stats();
    assert_eq!((stats.deliveries[0].sent, stats.deliveries[0].failed), (3, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_and_overflow_are_counted() {
    let (address, received) = alertmanager("500 Internal Server Error");
    let notifier = Notifier::new(LIMITS);
    notifier.apply(&config(&format!("{{static_configs: [{{targets: ['{address}']}}]}}"))).unwrap();
    found(&notifier, 1).await;
    notifier.send((0..10).map(|i| alert(&format!("a{i}"))).collect());
    notifier.drain(Duration::from_secs(5)).await;
    let delivery = notifier.stats().deliveries[0].clone();
    assert_eq!((delivery.sent, delivery.failed, delivery.dropped), (3, 3, 10));
    assert_eq!(received.recv().unwrap().1[0]["labels"]["alertname"], "a7", "the oldest are dropped");
}

#[tokio::test]
async fn a_rule_may_drop_an_alertmanager() {
    let notifier = Notifier::new(LIMITS);
    let rules = "relabel_configs: [{source_labels: [__address__], regex: 'b:.*', action: drop}]";
    notifier.apply(&config(&format!("{{static_configs: [{{targets: ['a:1', 'b:1']}}], {rules}}}"))).unwrap();
    found(&notifier, 1).await;
    let (active, dropped) = notifier.alertmanagers();
    assert_eq!(active, ["http://a:1/api/v2/alerts"]);
    assert_eq!(dropped, ["http://b:1/api/v2/alerts"]);
}
