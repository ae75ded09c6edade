//! What a `bench` step measured: numbers of two addresses of one service, and how they compare.

use serde::{Deserialize, Serialize};

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Measure {
    Connections,
    Throughput,
    P50,
    P90,
    P99,
}

/// All of it, in the order in which it is told.
pub const MEASURES: [Measure; 5] =
    [Measure::Connections, Measure::Throughput, Measure::P50, Measure::P90, Measure::P99];

impl Measure {
    /// What it is called in lab files and reports.
    pub fn name(self) -> &'static str {
        match self {
            Measure::Connections => "connections",
            Measure::Throughput => "throughput",
            Measure::P50 => "p50",
            Measure::P90 => "p90",
            Measure::P99 => "p99",
        }
    }

    /// A value of it with its unit.
    pub fn shown(self, value: f64) -> String {
        let digits = if value < 100.0 { 1 } else { 0 };
        match self {
            Measure::Connections => format!("{value:.digits$}/s"),
            Measure::Throughput if value >= 10_000.0 => format!("{:.1} Gbit/s", value / 1e3),
            Measure::Throughput => format!("{value:.digits$} Mbit/s"),
            _ if value >= 10_000.0 => format!("{:.2} s", value / 1e3),
            _ if value < 10.0 => format!("{value:.2} ms"),
            _ => format!("{value:.digits$} ms"),
        }
    }
}

/// What was measured at one address, or the ratio of two of these, in per cent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub struct Figures {
    /// How many connections a second were opened and brought to the end of their reply.
    pub connections: f64,
    /// What replies carried, in Mbit/s.
    pub throughput: f64,
    /// How long, in milliseconds, half of the connections took at most from their first packet to the end of
    /// their reply; then 90 and 99 of a hundred.
    pub p50: f64,
    pub p90: f64,
    pub p99: f64,
}

impl Figures {
    pub fn get(&self, measure: Measure) -> f64 {
        match measure {
            Measure::Connections => self.connections,
            Measure::Throughput => self.throughput,
            Measure::P50 => self.p50,
            Measure::P90 => self.p90,
            Measure::P99 => self.p99,
        }
    }

    /// Of connections that took so many microseconds each, one after the other or side by side, and carried
    /// `bytes` in `seconds` altogether.
    pub fn of(mut times: Vec<u32>, bytes: u64, seconds: f64) -> Figures {
        times.sort_unstable();
        let seconds = seconds.max(1e-6);
        // The nearest rank.
        let percentile = |percent: usize| {
            let rank = (times.len() * percent).div_ceil(100).max(1);
            rounded(times.get(rank - 1).map_or(0.0, |us| f64::from(*us) / 1e3))
        };
        Figures {
            connections: rounded(times.len() as f64 / seconds),
            throughput: rounded(bytes as f64 * 8.0 / 1e6 / seconds),
            p50: percentile(50),
            p90: percentile(90),
            p99: percentile(99),
        }
    }

    /// How many per cent of `whole` it is.
    fn percent_of(&self, whole: &Figures) -> Figures {
        let percent = |measure| match (self.get(measure), whole.get(measure)) {
            (_, whole) if whole <= 0.0 => 0.0,
            (part, whole) => rounded(part * 100.0 / whole),
        };
        Figures {
            connections: percent(Measure::Connections),
            throughput: percent(Measure::Throughput),
            p50: percent(Measure::P50),
            p90: percent(Measure::P90),
            p99: percent(Measure::P99),
        }
    }
}

/// To three places, so that reports hold no more than was measured.
fn rounded(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}

/// A service measured directly and through a proxy.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub struct Bench {
    /// The node that the load came from.
    pub node: String,
    /// The address of the service.
    pub direct_to: String,
    /// That of the proxy.
    pub through_to: String,
    pub direct: Figures,
    pub through: Figures,
    /// What was measured through the proxy, in per cent of what was measured directly.
    pub ratio: Figures,
}

impl Bench {
    pub fn new(node: &str, to: [String; 2], [direct, through]: [Figures; 2]) -> Bench {
        let [direct_to, through_to] = to;
        let ratio = through.percent_of(&direct);
        Bench { node: node.into(), direct_to, through_to, direct, through, ratio }
    }

    /// A head and a row for each measure: its name, direct, through the proxy, and the ratio.
    pub fn table(&self) -> Vec<[String; 4]> {
        let head = [
            format!("from {}", self.node),
            format!("direct {}", self.direct_to),
            format!("through {}", self.through_to),
            "ratio".into(),
        ];
        let row = |measure: Measure| {
            [
                measure.name().into(),
                measure.shown(self.direct.get(measure)),
                measure.shown(self.through.get(measure)),
                percent(self.ratio.get(measure)),
            ]
        };
        std::iter::once(head).chain(MEASURES.map(row)).collect()
    }

    /// The same as lines of text.
    pub fn lines(&self) -> Vec<String> {
        let table = self.table();
        let wide = |column: usize| table.iter().map(|row| row[column].len()).max().unwrap_or(0);
        let widths: [usize; 4] = std::array::from_fn(wide);
        let line = |[name, direct, through, ratio]: &[String; 4]| {
            let [a, b, c, d] = widths;
            format!("{name:<a$}  {direct:>b$}  {through:>c$}  {ratio:>d$}")
        };
        table.iter().map(line).collect()
    }
}

/// `48 %`.
pub fn percent(value: f64) -> String {
    let digits = if value < 10.0 { 1 } else { 0 };
    format!("{value:.digits$} %")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        let figures = Figures::of((1..=200).rev().map(|n| n * 1000).collect(), 1_000_000, 2.0);
        assert_eq!((figures.p50, figures.p90, figures.p99), (100.0, 180.0, 198.0));
        assert_eq!((figures.connections, figures.throughput), (100.0, 4.0));
        assert_eq!(Figures::of(vec![7], 1, 1.0).p99, 0.007);
        assert_eq!(Figures::of(Vec::new(), 0, 0.0), Figures::default());
    }

    #[test]
    fn nothing_is_no_share_of_nothing() {
        let (nothing, some) = (Figures::default(), Figures::of(vec![1000], 125_000, 1.0));
        let to = || ["a:1".into(), "b:1".into()];
        assert_eq!(Bench::new("n", to(), [nothing.clone(), some.clone()]).ratio, nothing);
        assert_eq!(Bench::new("n", to(), [some.clone(), some]).ratio.p90, 100.0);
    }

    #[test]
    fn values_have_the_unit_that_they_are_read_in() {
        use Measure::{Connections, P99, Throughput};
        for (measure, value, shown) in [
            (Connections, 11450.4, "11450/s"),
            (Connections, 7.25, "7.2/s"),
            (Throughput, 22310.0, "22.3 Gbit/s"),
            (Throughput, 812.4, "812 Mbit/s"),
            (P99, 0.42, "0.42 ms"),
            (P99, 15_320.0, "15.32 s"),
        ] {
            assert_eq!(measure.shown(value), shown);
        }
    }
}
