//! The page at `/`: what fires now, grouped as receivers hear of it.

use bytes::Bytes;
use http::{Response, StatusCode};
use jiff::Timestamp;
use metrics_core::LabelSet;

use crate::Alertmanager;
use crate::api::answer;

const HEAD: &str = include_str!("page_head.html");

/// The page as it stands.
pub(crate) fn render(manager: &Alertmanager, now: Timestamp) -> Response<Bytes> {
    let dispatcher = manager.dispatcher();
    let mut html = String::from(HEAD);
    let mut shown = 0;
    for group in dispatcher.groups() {
        let alerts: Vec<_> = group.alerts.iter().filter(|a| !a.is_resolved(now)).collect();
        if alerts.is_empty() {
            continue;
        }
        shown += alerts.len();
        html.push_str(&format!(
            "<section><h2>{} <small>→ {}</small></h2>",
            labels_html(&group.labels),
            escaped(&group.receiver)
        ));
        for alert in alerts {
            let silent = if dispatcher.quiet(alert, now).is_quiet() { " class=silent" } else { "" };
            html.push_str(&format!(
                "<article{silent}><p>{}</p><p>{}</p><time>since {:.0}</time></article>",
                labels_html(&alert.labels),
                escaped(
                    alert.annotations.get("summary").or(alert.annotations.get("description")).unwrap_or("")
                ),
                alert.starts_at
            ));
        }
        html.push_str("</section>");
    }
    if shown == 0 {
        html.push_str("<p class=calm>No alert fires.</p>");
    }
    html.push_str("</main></html>\n");
    answer(StatusCode::OK, "text/html; charset=utf-8", html)
}

fn labels_html(labels: &LabelSet) -> String {
    if labels.is_empty() {
        return "<span class=label>all</span>".to_owned();
    }
    labels
        .iter()
        .map(|(n, v)| format!("<span class=label>{}=<b>{}</b></span> ", escaped(n), escaped(v)))
        .collect()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
