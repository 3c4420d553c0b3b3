//! YAML with positions: what the parser's events build, before any meaning.
//!
//! Scalars keep their text, because the original decides by the receiving field what a scalar is: `1.0` is
//! text where text is wanted, and `yes` is true where a boolean is wanted.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use granit_parser::{Event, Parser, ScalarStyle, Tag};

use super::Position;

/// At most this many nodes come out of aliases, so that a small file cannot grow without bound.
const MAX_NODES: usize = 1_000_000;

/// A node and where it starts.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) at: Position,
    pub(crate) data: Data,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Data {
    Null,
    /// `plain` if it was written without quotes or block marks, so that it may mean a number or a boolean.
    Scalar {
        text: Text,
        plain: bool,
    },
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

/// A key of a map and where it starts.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Key {
    pub(crate) at: Position,
    pub(crate) text: Text,
}

/// Text, or bytes of a `!!binary` scalar that are not text.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Text {
    Utf8(String),
    Bytes(Vec<u8>),
}

impl Text {
    /// The text, with bytes that are not UTF-8 replaced.
    pub(crate) fn lossy(&self) -> std::borrow::Cow<'_, str> {
        match self {
            Self::Utf8(s) => s.into(),
            Self::Bytes(b) => String::from_utf8_lossy(b),
        }
    }

    /// The text in double quotes; bytes that are not UTF-8 as `\xff`.
    pub(crate) fn quoted(&self) -> String {
        match self {
            Self::Utf8(s) => format!("{s:?}"),
            Self::Bytes(bytes) => {
                let mut out = String::from("\"");
                for chunk in bytes.utf8_chunks() {
                    out.push_str(chunk.valid());
                    for b in chunk.invalid() {
                        out.push_str(&format!("\\x{b:02x}"));
                    }
                }
                out + "\""
            }
        }
    }
}

/// What is wrong with a text, and where.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct YamlError {
    pub(crate) at: Position,
    pub(crate) message: String,
}

/// Reads the first document of a text; an empty text is [`Data::Null`].
pub(crate) fn parse(text: &str) -> Result<Node, YamlError> {
    let mut builder = Builder { stack: Vec::new(), anchors: HashMap::new(), done: None, nodes: 0 };
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|e| YamlError {
            at: Position { line: e.marker().line() as u32, column: e.marker().col() as u32 + 1 },
            message: format!("yaml: {}", e.info()),
        })?;
        let at = Position { line: span.start.line() as u32, column: span.start.col() as u32 + 1 };
        if matches!(event, Event::DocumentEnd) {
            break; // the original ignores further documents
        }
        builder.event(event, at)?;
    }
    let empty = Node { at: Position { line: 1, column: 1 }, data: Data::Null };
    Ok(builder.done.unwrap_or(empty))
}

struct Builder {
    stack: Vec<Open>,
    anchors: HashMap<usize, Node>,
    done: Option<Node>,
    nodes: usize,
}

/// A collection whose end has not come yet.
struct Open {
    at: Position,
    anchor: usize,
    items: Vec<Node>,
    is_map: bool,
}

impl Builder {
    fn event(&mut self, event: Event<'_>, at: Position) -> Result<(), YamlError> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let data =
                    scalar(&text, style, tag.as_deref()).map_err(|message| YamlError { at, message })?;
                self.push(Node { at, data }, anchor)
            }
            Event::SequenceStart(_, anchor, _) => {
                self.stack.push(Open { at, anchor, items: Vec::new(), is_map: false });
                Ok(())
            }
            Event::MappingStart(_, anchor, _) => {
                self.stack.push(Open { at, anchor, items: Vec::new(), is_map: true });
                Ok(())
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::Alias(id) => {
                let Some(node) = self.anchors.get(&id).cloned() else {
                    return Err(YamlError { at, message: "yaml: anchor contains itself".to_owned() });
                };
                self.nodes += count(&node);
                if self.nodes > MAX_NODES {
                    return Err(YamlError {
                        at,
                        message: "yaml: document contains excessive aliasing".to_owned(),
                    });
                }
                self.push(Node { at, ..node }, 0)
            }
            _ => Ok(()),
        }
    }

    fn close(&mut self) -> Result<(), YamlError> {
        let Some(open) = self.stack.pop() else { return Ok(()) };
        let data = if open.is_map { Data::Map(pairs(open.items)?) } else { Data::List(open.items) };
        self.push(Node { at: open.at, data }, open.anchor)
    }

    fn push(&mut self, node: Node, anchor: usize) -> Result<(), YamlError> {
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        match self.stack.last_mut() {
            Some(open) => open.items.push(node),
            None => self.done = Some(node),
        }
        Ok(())
    }
}

fn count(node: &Node) -> usize {
    1 + match &node.data {
        Data::List(items) => items.iter().map(count).sum(),
        Data::Map(pairs) => pairs.iter().map(|(_, v)| 1 + count(v)).sum(),
        _ => 0,
    }
}

/// Pairs up keys and values, and lets `<<` bring in the keys that are not there.
fn pairs(items: Vec<Node>) -> Result<Vec<(Key, Node)>, YamlError> {
    let mut own: Vec<(Key, Node)> = Vec::new();
    let mut merged: Vec<(Key, Node)> = Vec::new();
    let mut items = items.into_iter();
    while let (Some(key), Some(value)) = (items.next(), items.next()) {
        let at = key.at;
        let text = match key.data {
            Data::Scalar { text: Text::Utf8(text), plain: true } if text == "<<" => {
                merge(value, &mut merged)?;
                continue;
            }
            Data::Scalar { text, .. } => text,
            Data::Null => Text::Utf8(String::new()),
            _ => return Err(YamlError { at, message: "yaml: a key must be a scalar".to_owned() }),
        };
        own.push((Key { at, text }, value));
    }
    for (key, value) in merged {
        if !own.iter().any(|(k, _)| k.text == key.text) {
            own.push((key, value));
        }
    }
    Ok(own)
}

fn merge(value: Node, into: &mut Vec<(Key, Node)>) -> Result<(), YamlError> {
    match value.data {
        Data::Map(pairs) => into.extend(pairs),
        Data::List(items) => {
            for item in items {
                merge(item, into)?;
            }
        }
        _ => {
            let message = "yaml: map merge requires map or sequence of maps as the value".to_owned();
            return Err(YamlError { at: value.at, message });
        }
    }
    Ok(())
}

fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Result<Data, String> {
    let plain = style == ScalarStyle::Plain;
    let tag = tag.and_then(|t| t.suffix_in_namespace("tag:yaml.org,2002:"));
    match tag.as_deref() {
        Some("binary") => {
            let clean: String = text.chars().filter(|c| !c.is_whitespace()).collect();
            let bytes = STANDARD
                .decode(clean)
                .map_err(|_| "yaml: !!binary value contains invalid base64 data".to_owned())?;
            let text = String::from_utf8(bytes).map_or_else(|e| Text::Bytes(e.into_bytes()), Text::Utf8);
            Ok(Data::Scalar { text, plain: false })
        }
        Some("str") => Ok(Data::Scalar { text: Text::Utf8(text.to_owned()), plain: false }),
        Some("null") => Ok(Data::Null),
        _ if plain && matches!(text, "" | "~" | "null" | "Null" | "NULL") => Ok(Data::Null),
        _ => Ok(Data::Scalar { text: Text::Utf8(text.to_owned()), plain }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(node: &Node) -> String {
        match &node.data {
            Data::Null => "null".to_owned(),
            Data::Scalar { text, plain } => format!("{}{}", text.lossy(), if *plain { "" } else { "!" }),
            Data::List(items) => format!("[{}]", items.iter().map(text).collect::<Vec<_>>().join(",")),
            Data::Map(pairs) => format!(
                "{{{}}}",
                pairs
                    .iter()
                    .map(|(k, v)| format!("{}:{}", k.text.lossy(), text(v)))
                    .collect::<Vec<_>>()
                    .join(",")
            ),
        }
    }

    #[test]
    fn scalars_keep_their_text_and_quotes_are_known() {
        let node = parse("a: 1.0\nb: 'x'\nc: ~\nd:\n- yes\n- \"2\"\n---\nignored: 1").unwrap();
        assert_eq!(text(&node), "{a:1.0,b:x!,c:null,d:[yes,2!]}");
    }

    #[test]
    fn anchors_and_merges() {
        let node = parse("base: &b {x: 1, y: 2}\nuse:\n  <<: *b\n  y: 3").unwrap();
        assert_eq!(text(&node), "{base:{x:1,y:2},use:{y:3,x:1}}");
    }

    #[test]
    fn positions_are_of_the_key() {
        let Data::Map(pairs) = parse("a: 1\nb:\n  c: 2").unwrap().data else { panic!() };
        assert_eq!(pairs[1].0.at, Position { line: 2, column: 1 });
        let Data::Map(inner) = &pairs[1].1.data else { panic!() };
        assert_eq!(inner[0].0.at, Position { line: 3, column: 3 });
    }

    #[test]
    fn a_laughing_billion_is_refused() {
        let mut page = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
        for i in 1..12 {
            let refs = vec![format!("*a{}", i - 1); 10].join(",");
            page.push_str(&format!("a{i}: &a{i} [{refs}]\n"));
        }
        assert!(parse(&page).unwrap_err().message.contains("excessive aliasing"));
    }

    #[test]
    fn broken_text_has_a_place() {
        let error = parse("a: [1\nb: 2").unwrap_err();
        assert!(error.at.line >= 1 && error.message.starts_with("yaml: "), "{error:?}");
    }
}
