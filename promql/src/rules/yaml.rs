//! A YAML document as a tree of nodes with their places, before any meaning is given to it.

use std::collections::HashMap;

use granit_parser::{Event, Parser, ScalarStyle};

/// Where something stands, both counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Place {
    pub(super) line: usize,
    pub(super) column: usize,
}

/// A value and where it begins.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    pub(super) at: Place,
    pub(super) data: Data,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Data {
    Null,
    /// A text; `plain` if it stands without quotes and so may mean something else.
    Scalar {
        text: String,
        plain: bool,
    },
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
}

/// Why a text is not YAML.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct YamlError {
    pub(super) line: usize,
    pub(super) message: String,
}

/// Aliases may not blow a document up to more nodes than this.
const MAX_NODES: usize = 2_000_000;

/// Reads the first document.
pub(super) fn parse(text: &str) -> Result<Node, YamlError> {
    let mut builder = Builder { open: Vec::new(), anchors: HashMap::new(), root: None, nodes: 0 };
    for event in Parser::new_from_str(text) {
        let (event, span) =
            event.map_err(|e| YamlError { line: e.marker().line(), message: e.info().to_string() })?;
        let at = Place { line: span.start.line(), column: span.start.col() + 1 };
        if matches!(event, Event::DocumentEnd) {
            break;
        }
        builder.event(event, at)?;
    }
    Ok(builder.root.unwrap_or(Node { at: Place::default(), data: Data::Null }))
}

struct Builder {
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    root: Option<Node>,
    nodes: usize,
}

/// A list or map whose end has not come.
struct Open {
    at: Place,
    anchor: usize,
    is_map: bool,
    items: Vec<Node>,
}

impl Builder {
    fn event(&mut self, event: Event<'_>, at: Place) -> Result<(), YamlError> {
        match event {
            Event::Scalar(text, style, anchor, _) => {
                let plain = style == ScalarStyle::Plain;
                let null = plain && matches!(&*text, "" | "~" | "null" | "Null" | "NULL");
                let data = if null { Data::Null } else { Data::Scalar { text: text.into_owned(), plain } };
                self.add(Node { at, data }, anchor)
            }
            Event::SequenceStart(_, anchor, _) => {
                self.open.push(Open { at, anchor, is_map: false, items: Vec::new() });
                Ok(())
            }
            Event::MappingStart(_, anchor, _) => {
                self.open.push(Open { at, anchor, is_map: true, items: Vec::new() });
                Ok(())
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(open) = self.open.pop() else { return Ok(()) };
                let data = if open.is_map { Data::Map(pairs(open.items)?) } else { Data::List(open.items) };
                self.add(Node { at: open.at, data }, open.anchor)
            }
            Event::Alias(anchor) => match self.anchors.get(&anchor).cloned() {
                Some(node) => self.add(node, 0),
                None => Err(YamlError { line: at.line, message: "anchor contains itself".to_owned() }),
            },
            _ => Ok(()),
        }
    }

    fn add(&mut self, node: Node, anchor: usize) -> Result<(), YamlError> {
        self.nodes += if anchor == 0 { count(&node).min(64) } else { 1 };
        if self.nodes > MAX_NODES {
            let message = "document contains excessive aliasing".to_owned();
            return Err(YamlError { line: node.at.line, message });
        }
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        match self.open.last_mut() {
            Some(open) => open.items.push(node),
            None => self.root = Some(node),
        }
        Ok(())
    }
}

fn count(node: &Node) -> usize {
    1 + match &node.data {
        Data::List(items) => items.iter().map(count).sum(),
        Data::Map(entries) => entries.iter().map(|(_, v)| 1 + count(v)).sum(),
        _ => 0,
    }
}

/// Keys and values of a map; `<<` brings in entries of others that the map does not have itself.
fn pairs(items: Vec<Node>) -> Result<Vec<(Node, Node)>, YamlError> {
    let mut own: Vec<(Node, Node)> = Vec::with_capacity(items.len() / 2);
    let mut merged = Vec::new();
    let mut items = items.into_iter();
    while let (Some(key), Some(value)) = (items.next(), items.next()) {
        if key.data == (Data::Scalar { text: "<<".to_owned(), plain: true }) {
            match value.data {
                Data::Map(entries) => merged.extend(entries),
                Data::List(maps) => {
                    for map in maps {
                        if let Data::Map(entries) = map.data {
                            merged.extend(entries);
                        }
                    }
                }
                _ => {
                    let message = "map merge requires map or sequence of maps as the value".to_owned();
                    return Err(YamlError { line: key.at.line, message });
                }
            }
        } else {
            own.push((key, value));
        }
    }
    for (key, value) in merged {
        if !own.iter().any(|(k, _)| k.data == key.data) {
            own.push((key, value));
        }
    }
    Ok(own)
}
