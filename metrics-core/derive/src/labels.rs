//! `derive(Labels)`.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::ext::IdentExt;
use syn::{Data, DataEnum, DeriveInput, Error, Field, Fields, FieldsNamed, GenericParam, Ident, Lifetime};

use crate::attributes::{Root, expression, items, text, unknown};

pub(crate) fn derive(input: &DeriveInput) -> syn::Result<TokenStream> {
    match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(fields) => labels(input, fields),
            _ => Err(Error::new_spanned(&input.ident, "labels need names: use a struct with named fields")),
        },
        Data::Enum(data) => label_value(input, data),
        Data::Union(_) => Err(Error::new_spanned(&input.ident, "a union cannot tell its value")),
    }
}

/// `Labels`, `NamedLabels` and `LabelValues` of a struct.
fn labels(input: &DeriveInput, fields: &FieldsNamed) -> syn::Result<TokenStream> {
    let mut root = Root::default();
    items(&input.attrs, "label", |item| match root.read(&item)? {
        true => Ok(()),
        false => Err(unknown(&item, "crate")),
    })?;
    let instrument = root.instrument();
    let name = &input.ident;
    let with_lifetime = lifetime(input)?;
    // The type for all lifetimes, for the one of the borrowed values, and for any.
    let (fixed, borrowed, any) = match with_lifetime {
        true => (quote!(#name<'static>), quote!(#name<'values>), quote!(#name<'_>)),
        false => (quote!(#name), quote!(#name), quote!(#name)),
    };

    let (mut names, mut limits) = (Vec::new(), Vec::new());
    for field in &fields.named {
        let label = Label::read(field)?;
        if names.contains(&label.name) {
            return Err(Error::new_spanned(field, format!("label {:?} appears twice", label.name)));
        }
        limits.push(label.limit(&instrument));
        names.push(label.name);
    }
    let field_names: Vec<&Ident> = fields.named.iter().filter_map(|f| f.ident.as_ref()).collect();
    let types: Vec<_> = fields.named.iter().map(|f| fixed_type(&f.ty)).collect();

    Ok(quote! {
        impl #instrument::Labels for #fixed {
            type Values<'values> = #borrowed;
            const COUNT: usize = {
                let counts: &[usize] = &[#(<#types as #instrument::LabelValue>::COUNT),*];
                // A struct without labels has one member.
                let (mut product, mut at) = (1usize, 0);
                while at < counts.len() {
                    product = product.saturating_mul(counts[at]);
                    at += 1;
                }
                product
            };
        }

        impl #instrument::NamedLabels for #fixed {
            const NAMES: &'static [&'static str] = &[#(#names),*];
            const LIMITS: &'static [::core::option::Option<#instrument::LabelLimit>] = &[#(#limits),*];
        }

        impl #instrument::LabelValues for #any {
            #[inline]
            fn each(&self, mut visit: impl ::core::ops::FnMut(&str)) {
                #(#instrument::LabelValue::text(&self.#field_names, &mut visit);)*
            }

            #[inline]
            fn index(&self) -> usize {
                let mut index = 0usize;
                #(
                    index = index
                        .wrapping_mul(<#types as #instrument::LabelValue>::COUNT)
                        .wrapping_add(#instrument::LabelValue::index(&self.#field_names));
                )*
                index
            }
        }
    })
}

/// What a field says of its label.
struct Label {
    name: String,
    max: Option<TokenStream>,
    overflow: Option<String>,
}

impl Label {
    fn read(field: &Field) -> syn::Result<Self> {
        let name = field.ident.as_ref().map(|i| i.unraw().to_string()).unwrap_or_default();
        let mut label = Self { name, max: None, overflow: None };
        items(&field.attrs, "label", |item| {
            let is = |word: &str| item.path.is_ident(word);
            if is("rename") {
                label.name = text(&item)?;
            } else if is("max") {
                label.max = Some(expression(&item)?);
            } else if is("overflow") {
                label.overflow = Some(text(&item)?);
            } else if is("skip_if_none") {
                // What is `None` is never shown; the attribute says so to the reader, and must be true.
                is_option(&field.ty)
                    .then_some(())
                    .ok_or_else(|| item.error("only an `Option` can be none"))?;
            } else {
                return Err(unknown(&item, "rename, max, overflow, skip_if_none"));
            }
            Ok(())
        })?;
        if label.max.is_none() && label.overflow.is_some() {
            return Err(Error::new_spanned(field, "an overflow needs a limit: add `max = …`"));
        }
        Ok(label)
    }

    fn limit(&self, instrument: &TokenStream) -> TokenStream {
        let Some(max) = &self.max else { return quote!(::core::option::Option::None) };
        let overflow = self.overflow.as_ref().map(|word| quote!(.overflow(#word)));
        quote!(::core::option::Option::Some(#instrument::LabelLimit::new(#max) #overflow))
    }
}

fn is_option(ty: &syn::Type) -> bool {
    matches!(ty, syn::Type::Path(path) if path.path.segments.last().is_some_and(|s| s.ident == "Option"))
}

/// Whether the struct borrows; anything beyond one lifetime is refused.
fn lifetime(input: &DeriveInput) -> syn::Result<bool> {
    let parameters: Vec<&GenericParam> = input.generics.params.iter().collect();
    match parameters[..] {
        [] => Ok(false),
        [GenericParam::Lifetime(_)] => Ok(true),
        _ => Err(Error::new_spanned(
            &input.generics,
            "labels may borrow for one lifetime and have no other parameters",
        )),
    }
}

/// The type with `'static` for every lifetime.
fn fixed_type(ty: &syn::Type) -> TokenStream {
    struct Fix;
    impl syn::visit_mut::VisitMut for Fix {
        fn visit_lifetime_mut(&mut self, lifetime: &mut Lifetime) {
            *lifetime = Lifetime::new("'static", lifetime.span());
        }
    }
    let mut ty = ty.clone();
    syn::visit_mut::VisitMut::visit_type_mut(&mut Fix, &mut ty);
    quote!(#ty)
}

/// `LabelValue` of an enum.
fn label_value(input: &DeriveInput, data: &DataEnum) -> syn::Result<TokenStream> {
    let mut root = Root::default();
    let mut case = Case::Snake;
    items(&input.attrs, "label", |item| {
        if root.read(&item)? {
            return Ok(());
        }
        if !item.path.is_ident("rename_all") {
            return Err(unknown(&item, "crate, rename_all"));
        }
        let name = text(&item)?;
        case = Case::named(&name)
            .ok_or_else(|| item.error(format!("unknown case {name:?}, expected one of: {CASES}")))?;
        Ok(())
    })?;
    if !input.generics.params.is_empty() {
        return Err(Error::new_spanned(&input.generics, "a label's value cannot have parameters"));
    }
    let (mut patterns, mut texts) = (Vec::new(), Vec::new());
    for variant in &data.variants {
        if !matches!(variant.fields, Fields::Unit) {
            return Err(Error::new_spanned(variant, "a label's value cannot have fields"));
        }
        let mut value = case.apply(&variant.ident.unraw().to_string());
        items(&variant.attrs, "label", |item| {
            if !item.path.is_ident("rename") {
                return Err(unknown(&item, "rename"));
            }
            value = text(&item)?;
            Ok(())
        })?;
        if texts.contains(&value) {
            return Err(Error::new_spanned(variant, format!("two variants are shown as {value:?}")));
        }
        patterns.push(format_ident!("{}", variant.ident));
        texts.push(value);
    }
    if patterns.is_empty() {
        return Err(Error::new_spanned(&input.ident, "an enum without variants has no value"));
    }
    let (instrument, name, count) = (root.instrument(), &input.ident, patterns.len());
    let places = 0..count;
    Ok(quote! {
        impl #instrument::LabelValue for #name {
            const COUNT: usize = #count;

            #[inline]
            fn text<R>(&self, use_it: impl ::core::ops::FnOnce(&str) -> R) -> R {
                use_it(match self { #(Self::#patterns => #texts),* })
            }

            #[inline]
            fn index(&self) -> usize {
                match self { #(Self::#patterns => #places),* }
            }
        }
    })
}

const CASES: &str = "lowercase, UPPERCASE, snake_case, SCREAMING_SNAKE_CASE, kebab-case, PascalCase";

/// How a variant's name becomes a label's value.
#[derive(Clone, Copy)]
enum Case {
    Lower,
    Upper,
    Snake,
    ScreamingSnake,
    Kebab,
    Pascal,
}

impl Case {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "lowercase" => Self::Lower,
            "UPPERCASE" => Self::Upper,
            "snake_case" => Self::Snake,
            "SCREAMING_SNAKE_CASE" => Self::ScreamingSnake,
            "kebab-case" => Self::Kebab,
            "PascalCase" => Self::Pascal,
            _ => return None,
        })
    }

    fn apply(self, variant: &str) -> String {
        match self {
            Self::Lower => variant.to_lowercase(),
            Self::Upper => variant.to_uppercase(),
            Self::Snake => words(variant, '_'),
            Self::ScreamingSnake => words(variant, '_').to_uppercase(),
            Self::Kebab => words(variant, '-'),
            Self::Pascal => variant.to_owned(),
        }
    }
}

/// `NotFound` as `not_found`, `HTTPError` as `http_error`.
fn words(variant: &str, separator: char) -> String {
    let letters: Vec<char> = variant.chars().collect();
    let mut out = String::new();
    for (i, letter) in letters.iter().enumerate() {
        let after_small = i > 0 && !letters[i - 1].is_uppercase();
        let before_small = letters.get(i + 1).is_some_and(|next| next.is_lowercase());
        if i > 0 && letter.is_uppercase() && (after_small || before_small) {
            out.push(separator);
        }
        out.extend(letter.to_lowercase());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variants_become_words() {
        let cases =
            [("Get", "get"), ("NotFound", "not_found"), ("HTTPError", "http_error"), ("Http2", "http2")];
        for (variant, snake) in cases {
            assert_eq!(words(variant, '_'), snake);
        }
        assert_eq!(Case::Kebab.apply("NotFound"), "not-found");
        assert_eq!(Case::ScreamingSnake.apply("NotFound"), "NOT_FOUND");
        assert_eq!(Case::Upper.apply("Get"), "GET");
    }

    /// What a derive refuses, and in which words.
    #[test]
    fn refusals_say_what_is_wrong() {
        let cases: [(DeriveInput, &str); 9] = [
            (
                syn::parse_quote!(
                    struct A(u8);
                ),
                "labels need names: use a struct with named fields",
            ),
            (
                syn::parse_quote!(
                    struct A<T> {
                        a: T,
                    }
                ),
                "labels may borrow for one lifetime and have no other parameters",
            ),
            (
                syn::parse_quote!(
                    struct A {
                        a: u8,
                        #[label(rename = "a")]
                        b: u8,
                    }
                ),
                "label \"a\" appears twice",
            ),
            (
                syn::parse_quote!(
                    struct A {
                        #[label(name = "b")]
                        a: u8,
                    }
                ),
                "unknown attribute, expected one of: rename, max, overflow, skip_if_none",
            ),
            (
                syn::parse_quote!(
                    struct A {
                        #[label(skip_if_none)]
                        a: &'static str,
                    }
                ),
                "only an `Option` can be none",
            ),
            (
                syn::parse_quote!(
                    struct A {
                        #[label(overflow = "other")]
                        a: &'static str,
                    }
                ),
                "an overflow needs a limit: add `max = …`",
            ),
            (
                syn::parse_quote!(
                    enum A {
                        B(u8),
                    }
                ),
                "a label's value cannot have fields",
            ),
            (
                syn::parse_quote!(
                    enum A {
                        B,
                        #[label(rename = "b")]
                        C,
                    }
                ),
                "two variants are shown as \"b\"",
            ),
            (
                syn::parse_quote!(
                    enum A {}
                ),
                "an enum without variants has no value",
            ),
        ];
        for (input, message) in cases {
            assert_eq!(derive(&input).unwrap_err().to_string(), message);
        }
    }
}
