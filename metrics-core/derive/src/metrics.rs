//! `derive(Metrics)`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::ext::IdentExt;
use syn::{Data, DeriveInput, Error, Field, Fields};

use crate::attributes::{Root, expression, first_paragraph, items, text, unknown};

pub(crate) fn derive(input: &DeriveInput) -> syn::Result<TokenStream> {
    let Data::Struct(data) = &input.data else {
        return Err(Error::new_spanned(&input.ident, "metrics are the fields of a struct"));
    };
    let Fields::Named(fields) = &data.fields else {
        return Err(Error::new_spanned(&input.ident, "metrics need names: use a struct with named fields"));
    };
    let (mut root, mut prefix) = (Root::default(), None);
    items(&input.attrs, "metrics", |item| {
        if root.read(&item)? {
            return Ok(());
        }
        if !item.path.is_ident("prefix") {
            return Err(unknown(&item, "crate, prefix"));
        }
        prefix = Some(text(&item)?);
        Ok(())
    })?;
    let (instrument, name) = (root.instrument(), &input.ident);
    let door = match prefix {
        Some(prefix) => quote!(&registry.with_prefix(#prefix)),
        None => quote!(registry),
    };
    let members = fields.named.iter().map(|f| member(f, &instrument)).collect::<syn::Result<Vec<_>>>()?;
    let (generics, types, bounds) = input.generics.split_for_impl();
    Ok(quote! {
        impl #generics #name #types #bounds {
            /// Obtains all metrics from a registry, registering those that it does not have yet.
            ///
            /// # Errors
            /// The registry's, if a name is not valid or stands for something else.
            pub fn register(
                registry: &#instrument::Registry,
            ) -> ::core::result::Result<Self, #instrument::RegisterError> {
                let registry = #door;
                ::core::result::Result::Ok(Self { #(#members),* })
            }
        }
    })
}

/// `field: registry.declare(…)?`
fn member(field: &Field, instrument: &TokenStream) -> syn::Result<TokenStream> {
    let Some(ident) = &field.ident else {
        return Err(Error::new_spanned(field, "metrics need names"));
    };
    let (mut name, mut help) = (ident.unraw().to_string(), first_paragraph(&field.attrs));
    let mut unit = String::new();
    let mut shape = quote!(#instrument::Shape::default());
    items(&field.attrs, "metric", |item| {
        let is = |word: &str| item.path.is_ident(word);
        if is("name") {
            name = text(&item)?;
        } else if is("help") {
            help = text(&item)?;
        } else if is("unit") {
            unit = text(&item)?;
        } else if is("buckets") {
            let bounds = expression(&item)?;
            shape = quote!(#shape.buckets(#bounds));
        } else if is("native") {
            let factor = expression(&item)?;
            shape = quote!(#shape.native(#instrument::Native::new(#factor)));
        } else if is("max") {
            let members = expression(&item)?;
            shape = quote!(#shape.max_members(#members));
        } else if is("expire") {
            let idle = expression(&item)?;
            shape = quote!(#shape.expire_after(#idle));
        } else {
            return Err(unknown(&item, "name, help, unit, buckets, native, max, expire"));
        }
        Ok(())
    })?;
    if help.is_empty() {
        return Err(Error::new_spanned(field, "say what the metric means, in a documentation comment"));
    }
    Ok(quote! {
        #ident: registry.declare(#instrument::Desc::new(#name, #help).unit(#unit), #shape)?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_say_what_is_wrong() {
        let cases: [(DeriveInput, &str); 4] = [
            (
                syn::parse_quote!(
                    struct A {
                        a: Counter,
                    }
                ),
                "say what the metric means, in a documentation comment",
            ),
            (
                syn::parse_quote!(
                    struct A(Counter);
                ),
                "metrics need names: use a struct with named fields",
            ),
            (
                syn::parse_quote!(
                    enum A {
                        B,
                    }
                ),
                "metrics are the fields of a struct",
            ),
            (
                syn::parse_quote!(
                    struct A {
                        #[metric(unti = "s")]
                        a: Counter,
                    }
                ),
                "unknown attribute, expected one of: name, help, unit, buckets, native, max, expire",
            ),
        ];
        for (input, message) in cases {
            assert_eq!(derive(&input).unwrap_err().to_string(), message);
        }
    }
}
