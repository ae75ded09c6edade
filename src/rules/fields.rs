//! Checking what a path rule wants the fields of its packets to hold.

use crate::packet::PROTOCOLS;
use crate::packet::ethernet::ETHERNET;
use crate::packet::protocol::{Field, Protocol, ValueKind};
use crate::rules::file::ValueFile;
use crate::rules::kind::Kind;
use crate::rules::model::FieldCheck;
use crate::rules::value::Wanted;
use crate::text::{quoted, suggest};
use crate::yaml::diagnostic::{Diagnostics, Spanned};

/// The checked `wanted` values of the field `name` of packets of `kind`, or of any if that is
/// `None`.
pub(crate) fn check(
    check: &Diagnostics,
    kind: Option<&Kind>,
    name: &Spanned<String>,
    wanted: &[Spanned<ValueFile>],
) -> Option<FieldCheck> {
    let own: Vec<&Field> =
        protocols(kind).into_iter().flat_map(|protocol| protocol.fields).collect();
    let has = |field: &&Field| {
        field.only.is_none_or(|(kinds, _)| {
            kind.is_none_or(|kind| kind.words.iter().any(|w| kinds.contains(w)))
        })
    };
    let named = |field: &&Field| field.name == name.value;
    let mut fields: Vec<&Field> = own.iter().copied().filter(named).collect();
    if fields.is_empty() {
        fields = protocols(None)
            .into_iter()
            .flat_map(|protocol| protocol.fields)
            .filter(named)
            .collect();
        if fields.is_empty() {
            unknown(check, name, own.iter().copied().filter(has));
            return None;
        }
        check.wrong(name, format!("these packets have no field `{}`", name.value));
    } else if !fields.iter().any(has)
        && let Some(((kinds, called), kind)) = fields.iter().find_map(|field| field.only).zip(kind)
    {
        check.wrong(
            name,
            format!(
                "only {called} have `{}`: name one, such as `{} {}`",
                name.value, kind.protocol.name, kinds[0]
            ),
        );
    }
    if wanted.is_empty() {
        check.wrong(name, "no value");
    }
    let kinds: Vec<ValueKind> = fields.iter().map(|field| field.value).collect();
    let wanted = wanted.iter().filter(|at| !check.are_at(at.position));
    let wanted = wanted.filter_map(|at| {
        Wanted::read(name, &kinds, at).map_err(|message| check.wrong(at, message)).ok()
    });
    Some(FieldCheck { field: fields[0].name, wanted: wanted.collect() })
}

/// All protocols in packets of `kind`, the highest first.
fn protocols(kind: Option<&Kind>) -> Vec<&'static Protocol> {
    let named: Vec<&'static Protocol> = match kind {
        Some(kind) => [&[kind.protocol], kind.protocol.over].concat(),
        None => PROTOCOLS.to_vec(),
    };
    named.into_iter().chain([&ETHERNET]).collect()
}

fn unknown<'f>(
    check: &Diagnostics,
    name: &Spanned<String>,
    known: impl Iterator<Item = &'f Field>,
) {
    let mut names: Vec<&str> = Vec::new();
    for field in known {
        if !names.contains(&field.name) {
            names.push(field.name);
        }
    }
    let message = match suggest(name, names.iter().copied()) {
        Some(near) => format!("unknown field `{}`, did you mean `{near}`?", name.value),
        None => format!("unknown field `{}`, expected one of {}", name.value, quoted(&names)),
    };
    check.wrong(name, message);
}
