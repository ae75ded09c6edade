//! The schema of lab files says what their readers read: what `check` accepts is valid, and a field
//! that one of both does not know, the other doesn't either.

use crate::common::labs::lab_texts;
use crate::common::schema::Validator;
use labrun::lab::check;
use labrun::lab::schema::schema;
use labrun::yaml::decode::Reader;
use labrun::yaml::diagnostic::Diagnostics;
use labrun::yaml::parse::parse;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::sync::LazyLock;

static LAB: LazyLock<Validator> = LazyLock::new(|| Validator::new(schema()));
/// Labs in which nothing is wrong, as values.
static LABS: LazyLock<Vec<Value>> =
    LazyLock::new(|| lab_texts().iter().map(|text| value(text)).collect());

/// What `yaml` holds, its aliases and fragments put where they are used.
fn value(yaml: &str) -> Value {
    Reader::new(&parse(yaml).unwrap(), "", &Diagnostics::default()).json()
}

/// The mistakes of a lab file with this value.
fn mistakes(lab: &Value) -> Vec<String> {
    let mistakes = check::lab(&lab.to_string(), "x").err().unwrap_or_default();
    mistakes.into_iter().map(|mistake| mistake.message).collect()
}

#[test]
fn every_good_lab_is_valid() {
    for (text, lab) in lab_texts().iter().zip(LABS.iter()) {
        assert_eq!(mistakes(lab), [""; 0], "{text}");
        LAB.accepts(lab).unwrap_or_else(|error| panic!("{error}\n{text}"));
    }
    assert!(LABS.len() > 20, "{}", LABS.len());
}

/// The places in `value` for which `is` holds, as JSON pointers.
fn places(value: &Value, at: &str, is: &dyn Fn(&Value) -> bool, all: &mut Vec<String>) {
    if is(value) {
        all.push(at.to_string());
    }
    let escaped = |key: &str| key.replace('~', "~0").replace('/', "~1");
    match value {
        Value::Object(map) => {
            map.iter().for_each(|(key, v)| places(v, &format!("{at}/{}", escaped(key)), is, all))
        }
        Value::Array(list) => {
            list.iter().enumerate().for_each(|(i, v)| places(v, &format!("{at}/{i}"), is, all))
        }
        _ => {}
    }
}

/// One of the labs, and one of its places for which `is` holds.
fn lab_and_place(is: fn(&Value) -> bool) -> impl Strategy<Value = (Value, String)> {
    (proptest::sample::select(LABS.clone()), any::<proptest::sample::Index>()).prop_map(
        move |(lab, index)| {
            let mut all = Vec::new();
            places(&lab, "", &is, &mut all);
            let place = index.get(&all).clone();
            (lab, place)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn an_unknown_field_is_wrong_for_both((mut lab, place) in lab_and_place(Value::is_object)) {
        const UNKNOWN: &str = "zz-unknown";
        let map = lab.pointer_mut(&place).unwrap().as_object_mut().unwrap();
        // Right where names are free: as good as what stands beside it.
        let beside = map.values().next().cloned();
        map.insert(UNKNOWN.into(), beside.clone().unwrap_or_default());
        let told = mistakes(&lab).iter().any(|mistake| mistake.contains(UNKNOWN) && mistake.contains("unknown field"));
        let invalid = LAB.accepts(&lab);
        prop_assert!(!told || invalid.is_err(), "{place}: only `check` finds it");
        // What is beside it may be of another kind than all others, as `lo` is among links.
        prop_assert!(told || beside.is_none() || invalid.is_ok() || place.ends_with("/links"), "{place}: {invalid:?}");
    }

    #[test]
    fn what_check_accepts_is_valid(
        (mut lab, place) in lab_and_place(|_| true),
        with in proptest::sample::select(vec![
            json!(null), json!([]), json!({}), json!(1), json!(65), json!("x"), json!("10s"), json!(true), json!("10.9.9.9/24"),
        ]),
        (other, from) in lab_and_place(|_| true),
        copies in any::<bool>(),
    ) {
        let with = if copies { other.pointer(&from).unwrap().clone() } else { with };
        *lab.pointer_mut(&place).unwrap() = with;
        if mistakes(&lab).is_empty() {
            prop_assert!(LAB.accepts(&lab).is_ok(), "{place}: {:?}\n{lab}", LAB.accepts(&lab));
        }
    }
}

/// Calls `look` with each part of `schema` that says something of a value.
fn parts(schema: &Value, look: &mut dyn FnMut(&Value)) {
    look(schema);
    for key in ["properties", "patternProperties"] {
        schema[key].as_object().into_iter().flatten().for_each(|(_, part)| parts(part, look));
    }
    for key in ["items", "additionalProperties"] {
        schema.get(key).into_iter().for_each(|part| parts(part, look));
    }
    schema["anyOf"].as_array().into_iter().flatten().for_each(|part| parts(part, look));
}

#[test]
fn every_field_is_described_and_read_and_its_examples_are_valid() {
    let mut examples = 0;
    parts(&schema(), &mut |part| {
        for (name, field) in part["properties"].as_object().into_iter().flatten() {
            let about = field["description"].as_str().unwrap_or_default();
            assert!(!about.is_empty(), "{name} has no description");
            // Only `json` may be anything.
            let said = ["type", "anyOf", "enum"].iter().any(|key| field.get(key).is_some());
            assert!(said || name == "json", "{name} is known, but nothing reads it");
        }
        for example in part["examples"].as_array().into_iter().flatten() {
            Validator::new(part.clone()).accepts(example).unwrap();
            examples += 1;
        }
    });
    assert!(examples > 90, "{examples}");
}

#[test]
fn what_editors_offer_is_there() {
    let schema = schema();
    let at = |pointer: &str| schema.pointer(pointer).unwrap_or_else(|| panic!("no {pointer}"));
    let kinds = at("/properties/needs/properties/kernel/items/enum");
    assert!(kinds.as_array().unwrap().contains(&json!("wireguard")), "{kinds}");
    let step = "/properties/tests/additionalProperties/properties/steps/items/properties";
    assert_eq!(at(&format!("{step}/dhcp/properties/family/anyOf/0/enum")), &json!([4, 6]));
    assert_eq!(
        at(&format!("{step}/ping/properties/to/description")),
        &json!("the address that is asked")
    );
    let rule = "/properties/tests/additionalProperties/properties/path/items/properties";
    assert!(
        at(&format!("{rule}/fields/properties/giaddr/description"))
            .as_str()
            .unwrap()
            .contains("relay agent")
    );
    assert!(at(&format!("{rule}/packet/examples")).as_array().unwrap().contains(&json!("dhcp4")));
    // A lab that lacks something is told so at once.
    for wrong in [
        json!({"lab": "x"}),
        json!({"lab": "x", "nodes": {"n": {"links": {"lo": {"mtu": 1500}}}}}),
        json!({"lab": "x", "nodes": {}, "tests": {"t": {"steps": [{"ping": {"node": "n"}}]}}}),
        json!({"lab": "x", "nodes": {}, "tests": {"t": {"steps": [{"link": {"up": "a/b", "down": "a/b"}}]}}}),
        json!({"lab": "x", "nodes": {}, "x": 1}),
    ] {
        assert!(LAB.accepts(&wrong).is_err(), "{wrong}");
    }
    let fragment = json!({"lab": "x", "nodes": {}, "x-any": [1, {"y": 2}]});
    LAB.accepts(&fragment).unwrap();
}

#[test]
fn each_and_what_it_stands_for_are_known() {
    let lab = |each: Value| {
        json!({
            "lab": "x",
            "bridges": {"br-${each}": {"each": 2}},
            "nodes": {"n-${each}": {
                "each": each, "links": {"e": {"bridge": "br-1", "port": "p${each}", "mtu": "${each}"}}
            }},
            "tests": {"v${each}": {
                "each": [4, 6], "steps": [{"dhcp": {"node": "n-1400", "link": "e", "family": "${each}", "within": "${each}s"}}]
            }},
        })
    };
    for each in [json!(["1400", 1300]), json!("1400-1402")] {
        assert_eq!(mistakes(&lab(each.clone())), [""; 0], "{each}");
        LAB.accepts(&lab(each)).unwrap();
    }
    for each in [json!(0), json!([]), json!("many"), json!({}), json!(true)] {
        assert!(!mistakes(&lab(each.clone())).is_empty(), "{each}");
        assert!(LAB.accepts(&lab(each.clone())).is_err(), "{each}");
    }
    let elsewhere = json!({"lab": "x", "nodes": {}, "needs": {"each": 2}});
    assert!(!mistakes(&elsewhere).is_empty());
    assert!(LAB.accepts(&elsewhere).is_err());
}

#[test]
fn the_reference_lists_all_events_and_their_fields() {
    let schema = labrun::record::event::schema();
    let documented = include_str!("../../docs/json.md");
    let events = schema["oneOf"].as_array().unwrap();
    for event in events {
        let name = event["properties"]["event"]["const"].as_str().unwrap();
        // What a result is, is told apart.
        let told = match event["$ref"].as_str() {
            Some(at) => schema.pointer(at.trim_start_matches('#')).unwrap(),
            None => event,
        };
        let mut wanted: Vec<&str> =
            told["properties"].as_object().unwrap().keys().map(String::as_str).collect();
        wanted.retain(|field| *field != "event");
        let row = documented.lines().find(|line| line.starts_with(&format!("| `{name}` |")));
        let row = row.unwrap_or_else(|| panic!("docs/json.md must have a row for `{name}`"));
        let mut fields: Vec<&str> =
            row.split('|').nth(2).unwrap().split('`').skip(1).step_by(2).collect();
        fields.sort_unstable();
        assert_eq!(fields, wanted, "docs/json.md, `{name}`");
    }
    let rows = documented.split("# `--report").next().unwrap().lines();
    assert_eq!(
        rows.filter(|line| line.starts_with("| `") && !line.contains("`event` |")).count(),
        events.len()
    );
}

/// Others read these: a change in what is here already makes another version.
#[test]
fn the_schema_of_events_stays() {
    let schema = serde_json::to_string_pretty(&labrun::record::event::schema()).unwrap();
    insta::assert_snapshot!("events-1", schema);
}
