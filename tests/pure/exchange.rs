//! The exchange of a test on its page: from what is said of a failure to the message that it is about, its
//! bytes, fields and way, and all of it played. The packets are those of a real run.

use crate::browser::{Browser, page};
use crate::common::captures;
use crate::runs;

use labrun::analysis::detail::details;
use labrun::analysis::ladder::Ladder;
use labrun::graph;
use labrun::lab::check;
use labrun::lab::find::BUILT_IN;
use labrun::lab::model::Lab;
use labrun::packet::capture::Capture;
use labrun::record::result::Outcome;
use labrun::record::run::{Link, Run, Setup, TestRun};
use labrun::rules::judge::{ALWAYS, Filters, judge};
use std::collections::BTreeSet;

/// The lab `relay`, in which the offers must avoid `place`, where they are.
fn lab(place: &str) -> Lab {
    let (_, text) = BUILT_IN.into_iter().find(|(name, _)| *name == "relay").unwrap();
    let (topology, _) = text.split_once("\ntests:\n").unwrap();
    let step = "steps: [run: {node: global, command: x}]";
    let rule = format!("path: [{{packet: dhcp4 offer, avoids: {place}}}]");
    let text = format!("{topology}\ntests: {{v4: {{{step}, {rule}}}}}\n");
    check::lab(&text, "relay.yaml").unwrap()
}

/// The run of that lab's test with the packets of a real one.
fn failed() -> Run {
    let lab = lab("v-br-rly-int");
    let capture = captures::read("relay-v4");
    let ladder = Ladder::of(&lab.topology, &capture);
    let rules = &lab.tests[0].path;
    let violations = judge(&lab.topology, rules, &capture, &Filters::new(), &ALWAYS);
    let said = &violations[0].said;
    let about = said.about[0];
    let row = ladder.rows.iter().position(|row| row.packets.contains(&about.packet)).unwrap();
    let (drawing, plan) = graph::planned(&lab);
    let test = TestRun {
        lines: said.lines.clone(),
        messages: details(&lab.topology, &capture, &ladder, &BTreeSet::from([row])),
        links: vec![Link { line: about.line, row }],
        ladder: Some(ladder),
        ..runs::test("relay", 0, "v4", Outcome::Fail)
    };
    let mut run = runs::run(vec![runs::lab("relay", Setup::default())], vec![test]);
    (run.labs[0].drawing, run.labs[0].plan) = (Some(drawing), Some(plan));
    run
}

#[test]
fn a_message_is_taken_apart_and_found_on_the_drawing() {
    let run = failed();
    let test = &run.tests[0];
    let of = &test.messages[test.links[0].row];
    let row = &test.ladder.as_ref().unwrap().rows[of.row];
    assert_eq!(row.label, "OFFER");
    assert_eq!(
        (of.from.as_str(), &of.to[..]),
        ("ns-server/v-srv-int", &["ns-relay/v-rly-int".into()][..])
    );
    let places: Vec<_> = of.seen.iter().map(|one| (one.place.as_str(), one.sent)).collect();
    assert_eq!(places, [("v-br-srv-int", false), ("v-br-rly-int", true)]);
    assert!(of.seen[0].at <= of.seen[1].at);
    let dhcp = of.layers.last().unwrap();
    let field = |name: &str| &dhcp.fields.iter().find(|(known, _)| known == name).unwrap().1;
    assert_eq!((dhcp.protocol.as_str(), field("giaddr").as_str()), ("DHCPv4", "192.168.100.1"));
    assert_eq!(of.layers[0].protocol, "Ethernet");
    let capture = captures::read("relay-v4");
    let bytes = &capture.packets[row.packets[0]].data;
    assert_eq!((of.length, of.bytes.len()), (bytes.len() as u64, 2 * bytes.len().min(512)));
    // The server's answer, and what the relay agent makes of it.
    let way = test.messages.iter().filter(|other| other.first == of.first);
    assert_eq!(
        way.map(|other| other.from.as_str()).collect::<Vec<_>>(),
        ["ns-server/v-srv-int", "ns-relay/v-rly-int"]
    );
    let plan = run.labs[0].plan.as_ref().unwrap();
    for of in &test.messages {
        assert!(of.to.iter().chain([&of.from]).all(|place| plan.plug(place).is_some()), "{of:?}");
    }
}

/// Bridges, cables and what was captured inside of nodes: a message leaves by an interface of its sender and
/// reaches one of each of its receivers, and the drawing has all of them.
#[test]
fn the_way_of_every_message_of_real_runs_can_be_drawn() {
    for (name, text) in BUILT_IN {
        let lab = check::lab(text, name).unwrap();
        let (_, plan) = graph::planned(&lab);
        let of_lab = |capture: &String| capture.split('-').next() == Some(name);
        for (capture_name, capture) in captures::all().into_iter().filter(|(one, _)| of_lab(one)) {
            let ladder = Ladder::of(&lab.topology, &capture);
            let messages = details(&lab.topology, &capture, &ladder, &BTreeSet::new());
            assert!(!messages.is_empty());
            for of in messages {
                let row = &ladder.rows[of.row];
                let node = |place: &str| {
                    assert!(plan.plug(place).is_some(), "{capture_name}: {place} of {of:?}");
                    let (node, _) = place.rsplit_once('/').unwrap();
                    ladder.nodes.iter().position(|name| name == node).unwrap()
                };
                assert_eq!(node(&of.from), row.from, "{capture_name}: {of:?}");
                let mut to: Vec<usize> = of.to.iter().map(|place| node(place)).collect();
                to.sort_unstable();
                assert_eq!(to, row.to, "{capture_name}: {of:?}");
            }
        }
    }
}

/// What is taken apart is bounded, but what failed is among it, however far in.
#[test]
fn of_many_messages_the_first_the_last_and_those_that_failed_are_taken_apart() {
    let lab = lab("v-br-lb");
    let mut capture = Capture::default();
    for second in 0..400 {
        let mut packets = captures::read("relay-v4").packets;
        packets.iter_mut().for_each(|packet| packet.time += second * 1_000_000_000);
        capture.packets.extend(packets);
    }
    let ladder = Ladder::of(&lab.topology, &capture);
    let messages = details(&lab.topology, &capture, &ladder, &BTreeSet::from([1000]));
    assert!(messages.iter().any(|of| of.row == 1000));
    assert!((61..=140).contains(&messages.len()), "{}", messages.len());
    let mut run = failed();
    (run.tests[0].ladder, run.tests[0].messages) = (Some(ladder), messages);
    run.tests[0].links[0].row = 1000;
    let whole = page(&run);
    assert!(
        whole.contains("href=\"#relay-v4:1001\"") && whole.len() < 1_000_000,
        "{}",
        whole.len()
    );
    // So is a page of many such tests, which says what it lacks.
    let many =
        (0..200).map(|number| TestRun { test: format!("relay-{number}"), ..run.tests[0].clone() });
    run.tests = many.collect();
    let whole = page(&run);
    assert!(whole.len() < 20_000_000, "{}", whole.len());
    assert!(whole.contains("Only 0 of "), "it says what it lacks");
}

/// What is looked at: of the ladder, the drawing and the messages the rows that are shown.
const SEEN: &str = r#"
const exchange = document.querySelector('.exchange');
const rows = (selector, shown) => [...exchange.querySelectorAll(selector)].filter(shown).map(e => +e.dataset.row);
const style = element => getComputedStyle(element);
const look = () => ({
  ladder: rows('.ladder a', e => style(e.querySelector('.hit')).fillOpacity > .1),
  hops: rows('.hop', e => style(e).visibility === 'visible' && style(e).opacity > .9),
  way: rows('.hop', e => style(e).visibility === 'visible'),
  messages: rows('.message', e => style(e).display !== 'none'),
  slider: exchange.querySelector('input').valueAsNumber,
  player: style(exchange.querySelector('.player')).display !== 'none',
  hash: location.hash,
});
"#;

fn look(browser: &Browser, run: &Run, address: &str, script: &str) -> serde_json::Value {
    browser.look(run, 1200, 1, address, &format!("{SEEN}{script}"))
}

#[test]
fn from_a_failure_to_its_message_and_through_the_exchange_by_mouse_and_by_keys() {
    let test = "from_a_failure_to_its_message_and_through_the_exchange_by_mouse_and_by_keys";
    let Some(browser) = Browser::find(test) else { return };
    let run = failed();
    let all = run.tests[0].messages.len();
    let wrong = run.tests[0].links[0].row;
    let seen = look(
        &browser,
        &run,
        "",
        r#"
        const seen = [look()];
        const row = number => exchange.querySelector(`.ladder a[data-row="${number}"]`);
        const click = element => element.dispatchEvent(new MouseEvent('click', {bubbles: true, cancelable: true}));
        click(row(0)); seen.push(look());
        click(document.querySelector('.story a')); seen.push(look());
        const slider = exchange.querySelector('input');
        seen.push(document.activeElement === slider);
        slider.value = 5; slider.dispatchEvent(new Event('input')); seen.push(look());
        const press = key => exchange.querySelector('.ladder').dispatchEvent(new KeyboardEvent('keydown', {key, bubbles: true, cancelable: true}));
        press('ArrowDown'); seen.push(look());
        press('ArrowUp'); press('ArrowUp'); seen.push(look());
        slider.value = 0; slider.dispatchEvent(new Event('input')); press('ArrowUp'); seen.push(look());
        tell(seen);
    "#,
    );
    let at = |seen: &serde_json::Value, row: usize| {
        let one = serde_json::json!([row]);
        assert_eq!(
            (&seen["ladder"], &seen["hops"], &seen["messages"]),
            (&one, &one, &one),
            "{seen}"
        );
        assert_eq!(seen["slider"], row);
        assert_eq!(seen["player"], true);
        // The way of what failed is always drawn.
        let way = seen["way"].as_array().unwrap();
        assert!(way.contains(&wrong.into()) && way.len() <= 3, "{seen}");
    };
    at(&seen[0], wrong);
    at(&seen[1], 0);
    assert_eq!(seen[1]["hash"], "#relay-v4:1");
    at(&seen[2], wrong);
    assert_eq!(seen[3], true, "the slider is next for the keys");
    at(&seen[4], 5);
    at(&seen[5], 6);
    at(&seen[6], 4);
    at(&seen[7], 0);
    assert!(all > 8, "{all}");
}

#[test]
fn an_exchange_is_played_to_its_end_and_stopped() {
    let Some(browser) = Browser::find("an_exchange_is_played_to_its_end_and_stopped") else {
        return;
    };
    let run = failed();
    let last = run.tests[0].messages.len() - 1;
    let seen = look(&browser, &run, "#relay-v4:2", &r#"
        const button = exchange.querySelector('button'), slider = exchange.querySelector('input');
        const seen = [look(), button.textContent];
        button.click(); seen.push(button.textContent, slider.valueAsNumber);
        setTimeout(() => { button.click(); seen.push(button.textContent, slider.valueAsNumber); }, 2100);
        setTimeout(() => { seen.push(slider.valueAsNumber); slider.value = LAST - 1; slider.dispatchEvent(new Event('input')); button.click(); }, 6000);
        setTimeout(() => { seen.push(button.textContent, look()); button.click(); seen.push(slider.valueAsNumber); tell(seen); }, 9000);
    "#.replace("LAST", &last.to_string()));
    assert_eq!(seen[0]["messages"], serde_json::json!([1]), "the address names it");
    assert_eq!([&seen[1], &seen[2], &seen[4]], ["Play", "Pause", "Play"]);
    assert_eq!((&seen[3], &seen[5]), (&2.into(), &4.into()), "{seen}");
    assert_eq!(seen[6], 4, "stopped is stopped");
    assert_eq!(
        (&seen[7], &seen[8]["ladder"]),
        (&"Play".into(), &serde_json::json!([last])),
        "{seen}"
    );
    assert_eq!(seen[9], 0, "from its end it begins anew");
}

/// The page's own script under the page's own policy, and what is left without any.
#[test]
fn the_policy_lets_its_script_run_and_without_it_links_lead_to_messages() {
    let test = "the_policy_lets_its_script_run_and_without_it_links_lead_to_messages";
    let Some(browser) = Browser::find(test) else { return };
    let run = failed();
    let folder = tempfile::tempdir().unwrap();
    let shown = browser.run(folder.path(), &["--dump-dom"], &page(&run));
    assert!(shown.dom.contains("class=\"exchange alive\""), "{}", shown.words);
    // The hash is of this script and no other.
    let other = page(&run).replacen("\"use strict\";", "\"use strict\" ;", 1);
    let shown = browser.run(folder.path(), &["--dump-dom"], &other);
    assert!(
        !shown.dom.contains("class=\"exchange alive\"") && shown.words.contains("script-src"),
        "{}",
        shown.words
    );
    let (before, rest) = other.rsplit_once("<script>").unwrap();
    let still = format!("{before}<script>/*{}", rest.replace("</script>", "*/</script>"));
    let seen = browser.look_at(
        &still,
        1200,
        1,
        "#relay-v4:2",
        &format!("{SEEN} addEventListener('load', () => setTimeout(() => tell(look()), 100));"),
    );
    assert_eq!(
        (&seen["messages"], &seen["player"]),
        (&serde_json::json!([1]), &false.into()),
        "{seen}"
    );
    assert!(!seen["way"].as_array().unwrap().is_empty());
}
