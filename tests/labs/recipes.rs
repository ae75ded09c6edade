//! docs/recipes.md: its labs that need no repository pass as they stand. tests/pure/book.rs checks all.

use crate::common::labs::{Lab, have};
use crate::common::users;

const PAGE: &str = include_str!("../../docs/recipes.md");

/// Whether the recipe `name` passes, under another name; skipped by name without `commands`.
fn passes(name: &str, commands: &[&str]) {
    if !have(name, commands) {
        return;
    }
    let start = format!("```yaml\nlab: {name}\n");
    let body = PAGE.split(&start).nth(1).expect(name).split("```").next().unwrap();
    for user in users() {
        let lab = Lab::new(user, body);
        let (done, results) = lab.results(&[]);
        assert_eq!(done.exit, 0, "{user:?}: {}", done.all);
        assert!(!results.is_empty(), "{}", done.all);
        assert!(results.values().all(|result| result["outcome"] == "pass"), "{}", done.all);
    }
}

#[test]
fn the_recipe_of_a_configuration_file_passes() {
    passes("config", &["dnsmasq", "dig"]);
}

#[test]
fn the_recipe_of_dns_passes() {
    passes("names", &["dnsmasq", "dig"]);
}

#[test]
fn the_recipe_of_tls_passes() {
    passes("tls", &["openssl", "curl"]);
}

#[test]
fn the_recipe_of_a_client_passes() {
    passes("client", &["python3", "socat"]);
}
