//! One parser for every format of pages.

use crate::{Event, Format, Limits, ParseError, openmetrics, text};

/// Events of a page in any format.
///
/// ```
/// use expo_format::{Event, Format, PageParser};
/// let mut parser = PageParser::new(Format::OpenMetrics, b"up 1\n# EOF\n");
/// let mut values = Vec::new();
/// while let Some(event) = parser.next_event().unwrap() {
///     if let Event::Sample(sample) = event {
///         values.push(sample.value);
///     }
/// }
/// assert_eq!(values, [1.0]);
/// ```
#[derive(Debug)]
pub struct PageParser<'a>(Inner<'a>);

#[derive(Debug)]
enum Inner<'a> {
    Text(text::Parser<'a>),
    OpenMetrics(openmetrics::Parser<'a>),
    #[cfg(feature = "protobuf")]
    Protobuf(Box<crate::protobuf::Parser<'a>>),
}

impl<'a> PageParser<'a> {
    /// A parser at the beginning of a page, with the default limits.
    pub fn new(format: Format, page: &'a [u8]) -> Self {
        Self::with_limits(format, page, Limits::default())
    }

    /// A parser that takes no more of a page than the limits allow.
    pub fn with_limits(format: Format, page: &'a [u8], limits: Limits) -> Self {
        Self(match format {
            Format::OpenMetrics | Format::OpenMetrics001 => {
                Inner::OpenMetrics(openmetrics::Parser::with_limits(page, limits))
            }
            #[cfg(feature = "protobuf")]
            Format::Protobuf => Inner::Protobuf(Box::new(crate::protobuf::Parser::with_limits(page, limits))),
            _ => Inner::Text(text::Parser::with_limits(page, limits)),
        })
    }

    /// Yields the classic buckets of a histogram behind its native form, in the one format that may have both.
    #[must_use]
    pub fn keep_classic(self) -> Self {
        #[cfg(feature = "protobuf")]
        if let Inner::Protobuf(parser) = self.0 {
            return Self(Inner::Protobuf(Box::new(parser.keep_classic())));
        }
        self
    }

    /// Takes every histogram for a classic one, also where it has a native form.
    #[must_use]
    pub fn ignore_native(self) -> Self {
        #[cfg(feature = "protobuf")]
        if let Inner::Protobuf(parser) = self.0 {
            return Self(Inner::Protobuf(Box::new(parser.ignore_native())));
        }
        self
    }

    /// Reads when counting began from `_created` lines, in the one format that has them; see
    /// [`openmetrics::Parser::read_created`].
    #[must_use]
    pub fn read_created(self) -> Self {
        match self.0 {
            Inner::OpenMetrics(parser) => Self(Inner::OpenMetrics(parser.read_created())),
            other => Self(other),
        }
    }

    /// The next event, or `None` at the end. An event may borrow from the parser itself, for some formats have
    /// to put a series' text together.
    ///
    /// # Errors
    /// Where and why the page breaks its format; then the page is over.
    #[inline]
    pub fn next_event(&mut self) -> Result<Option<Event<'_>>, ParseError> {
        match &mut self.0 {
            Inner::Text(parser) => parser.next_event(),
            Inner::OpenMetrics(parser) => parser.next_event(),
            #[cfg(feature = "protobuf")]
            Inner::Protobuf(parser) => parser.next_event(),
        }
    }
}
