//! The page in a real browser: what is drawn, and what is said when there is nothing to draw.
//!
//! Skipped with a printed word where no Chromium is installed.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "helpers of a test")]

use std::process::Command;

use bytes::Bytes;
use dashboards::{Dashboards, Proxy, alone};
use exporter_kit::serve::{Handlers, ServeOptions, bind, handler_fn, serve};
use http::{Request, Response};
use http_body_util::Full;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn series_are_drawn_with_their_last_values() {
    let Some(browser) = browser() else { return };
    let source = listen_with(handler_fn(data_source)).await;
    let page = dashboards_of(&format!("http://127.0.0.1:{source}")).await;
    let dom = dump(browser, format!("http://127.0.0.1:{page}/?refresh=0")).await;
    for word in ["<title>Host · Pullstack</title>", "host-a:9100", "CPU by mode", "aria-busy=\"false\""] {
        assert!(dom.contains(word), "{word} is missing in {dom}");
    }
    // Every series of the source ends at 0.25: a share of one processor, a load, bytes.
    let legend = r#"<span class="name">user</span><span class="value">25.0%</span>"#;
    assert!(dom.contains(legend), "no legend with the last value in {dom}");
    assert!(dom.contains(r#"aria-label="CPU by mode: user 25.0%""#), "charts are described in words");
    assert!(!dom.contains("The query failed") && !dom.contains("No data"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_data_source_that_is_away_is_named_on_the_page() {
    let Some(browser) = browser() else { return };
    let nobody = bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let page = dashboards_of(&format!("http://127.0.0.1:{nobody}")).await;
    let dom = dump(browser, format!("http://127.0.0.1:{page}/?refresh=0")).await;
    let expected = format!("http://127.0.0.1:{nobody}/ is not reachable: connection refused");
    assert!(dom.contains("No answer from the data source") && dom.contains(&expected), "{dom}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_of_a_query_stands_in_its_panel() {
    let Some(browser) = browser() else { return };
    let source = listen_with(handler_fn(|request: Request<Bytes>| {
        if request.uri().path().ends_with("/query_range") {
            let error =
                r#"{"status":"error","errorType":"bad_data","error":"1:7: parse error: no such thing"}"#;
            return Response::builder().status(400).body(Full::from(error)).unwrap();
        }
        data_source(request)
    }));
    let page = dashboards_of(&format!("http://127.0.0.1:{}", source.await)).await;
    let dom = dump(browser, format!("http://127.0.0.1:{page}/?refresh=0")).await;
    assert!(dom.contains("The query failed") && dom.contains("1:7: parse error: no such thing"), "{dom}");
}

/// One series for every question, `mode="user"`, rising to 0.25.
fn data_source(request: Request<Bytes>) -> Response<Full<Bytes>> {
    let metric = r#"{"instance":"host-a:9100","mode":"user","device":"sda","job":"node","mountpoint":"/"}"#;
    let form: Vec<(String, String)> = form_urlencoded::parse(request.body()).into_owned().collect();
    let number = |name: &str| -> f64 {
        form.iter().find(|(key, _)| key == name).and_then(|(_, value)| value.parse().ok()).unwrap_or(0.0)
    };
    let data = match request.uri().path() {
        "/api/v1/label/instance/values" => r#"["host-a:9100"]"#.to_owned(),
        "/api/v1/targets" => r#"{"activeTargets":[{"scrapeInterval":"5s"}]}"#.to_owned(),
        "/api/v1/query_range" => {
            let (start, end, step) = (number("start"), number("end"), number("step"));
            let count = ((end - start) / step).round() as u32;
            let value = |i: u32| 0.25 * f64::from(i) / f64::from(count);
            let points: Vec<_> =
                (0..=count).map(|i| format!("[{},\"{}\"]", start + f64::from(i) * step, value(i))).collect();
            let values = points.join(",");
            format!(r#"{{"resultType":"matrix","result":[{{"metric":{metric},"values":[{values}]}}]}}"#)
        }
        _ => format!(
            r#"{{"resultType":"vector","result":[{{"metric":{metric},"value":[{},"0.25"]}}]}}"#,
            number("time")
        ),
    };
    Response::new(Full::from(format!(r#"{{"status":"success","data":{data}}}"#)))
}

async fn dashboards_of(source: &str) -> u16 {
    listen_with(alone(Dashboards::default(), Proxy::new(source).unwrap())).await
}

/// Serves on a port of its own until the test ends.
async fn listen_with<S, B>(service: S) -> u16
where
    S: tower_service::Service<Request<Bytes>, Response = Response<B>, Error = std::convert::Infallible>
        + Clone
        + Send
        + 'static,
    S::Future: Send + 'static,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let listener = bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut options = ServeOptions::default();
    options.handlers = Handlers::Async;
    tokio::spawn(serve(listener, service, options, std::future::pending()));
    port
}

fn browser() -> Option<&'static str> {
    let found = ["chromium", "chromium-browser", "google-chrome"]
        .into_iter()
        .find(|name| Command::new(name).arg("--version").output().is_ok_and(|o| o.status.success()));
    if found.is_none() {
        println!("skipped: no Chromium is installed");
    }
    found
}

/// The page's elements after its scripts have run.
async fn dump(browser: &'static str, url: String) -> String {
    let run = move || {
        let profile = tempfile::tempdir().unwrap();
        let output = Command::new(browser)
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
            .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
            .args(["--window-size=1440,1700", "--virtual-time-budget=8000", "--dump-dom"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg(url)
            .output()
            .unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    tokio::task::spawn_blocking(run).await.unwrap()
}
