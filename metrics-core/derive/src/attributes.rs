//! Attributes that both derives read.

use proc_macro2::{TokenStream, TokenTree};
use quote::quote;
use syn::meta::ParseNestedMeta;
use syn::{Attribute, Expr, ExprLit, Lit, LitStr, Meta, Path, Token};

/// The path under which the instruments are known.
pub(crate) struct Root(Path);

impl Root {
    /// Reads `crate = path` of an attribute; says whether the item was that.
    pub(crate) fn read(&mut self, item: &ParseNestedMeta<'_>) -> syn::Result<bool> {
        let is_crate = item.path.is_ident("crate");
        if is_crate {
            self.0 = item.value()?.call(Path::parse_mod_style)?;
        }
        Ok(is_crate)
    }

    /// `::metrics_core::instrument`, or what stands for it.
    pub(crate) fn instrument(&self) -> TokenStream {
        let root = &self.0;
        quote!(#root::instrument)
    }
}

impl Default for Root {
    fn default() -> Self {
        Self(syn::parse_quote!(::metrics_core))
    }
}

/// Calls `read` on every item of every attribute of that name.
pub(crate) fn items(
    attributes: &[Attribute],
    name: &str,
    mut read: impl FnMut(ParseNestedMeta<'_>) -> syn::Result<()>,
) -> syn::Result<()> {
    let named = attributes.iter().filter(|a| a.path().is_ident(name));
    named.into_iter().try_for_each(|attribute| attribute.parse_nested_meta(&mut read))
}

/// The text after `=`.
pub(crate) fn text(item: &ParseNestedMeta<'_>) -> syn::Result<String> {
    Ok(item.value()?.parse::<LitStr>()?.value())
}

/// The error for an item that nobody knows.
pub(crate) fn unknown(item: &ParseNestedMeta<'_>, known: &str) -> syn::Error {
    item.error(format!("unknown attribute, expected one of: {known}"))
}

/// The first paragraph of an item's documentation, on one line.
pub(crate) fn first_paragraph(attributes: &[Attribute]) -> String {
    let line = |attribute: &Attribute| match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value().trim().to_owned()),
            _ => None,
        },
        _ => None,
    };
    let lines: Vec<String> = attributes.iter().filter_map(line).collect();
    lines
        .split(String::is_empty)
        .find(|paragraph| !paragraph.is_empty())
        .map_or_else(String::new, |p| p.join(" "))
}

/// Whatever expression stands after `=`, up to the next comma.
pub(crate) fn expression(item: &ParseNestedMeta<'_>) -> syn::Result<TokenStream> {
    let input = item.value()?;
    let mut expression = TokenStream::new();
    while !input.is_empty() && !input.peek(Token![,]) {
        expression.extend([input.parse::<TokenTree>()?]);
    }
    if expression.is_empty() { Err(input.error("expected an expression")) } else { Ok(expression) }
}
