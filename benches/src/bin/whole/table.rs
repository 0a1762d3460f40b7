//! Medians and ratios as a table.

use super::measure::Cost;

/// Contenders' costs, one list per contender.
pub type Costs = Vec<(&'static str, Vec<Cost>)>;

/// A table of one kind of work.
pub struct Table {
    work: &'static str,
    yardstick: &'static str,
}

impl Table {
    /// Ratios are to the contender named `yardstick`.
    pub fn new(work: &'static str, yardstick: &'static str) -> Self {
        Self { work, yardstick }
    }

    /// Prints medians and ratios.
    pub fn print(&self, costs: &Costs) {
        println!(
            "\n| {:<36} | wall s | ratio | client CPU s | ratio | server CPU s | ratio | peak MiB | stored MiB |",
            self.work
        );
        println!(
            "|{:-<38}|-------:|------:|-------------:|------:|-------------:|------:|---------:|-----------:|",
            ""
        );
        let base = costs.iter().find(|(name, _)| *name == self.yardstick).map(|(_, rounds)| medians(rounds));
        for (name, rounds) in costs {
            let cost = medians(rounds);
            let ratio = |of: fn(&Cost) -> f64| base.as_ref().map_or(f64::NAN, |base| of(&cost) / of(base));
            println!(
                "| {name:<36} | {:>6.2} | {:>5.2} | {:>12.2} | {:>5.2} | {:>12.2} | {:>5.2} | {:>8.0} | {:>10.1} |",
                cost.wall,
                ratio(|cost| cost.wall),
                cost.client_cpu,
                ratio(|cost| cost.client_cpu),
                cost.server_cpu,
                ratio(|cost| cost.server_cpu),
                cost.peak_mib,
                cost.stored as f64 / f64::from(1 << 20),
            );
        }
    }
}

fn medians(rounds: &[Cost]) -> Cost {
    let median = |of: fn(&Cost) -> f64| {
        let mut values: Vec<f64> = rounds.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        let upper = values.get(values.len() / 2).copied().unwrap_or(f64::NAN);
        let lower = values.get(values.len().saturating_sub(1) / 2).copied().unwrap_or(upper);
        f64::midpoint(lower, upper)
    };
    Cost {
        wall: median(|cost| cost.wall),
        client_cpu: median(|cost| cost.client_cpu),
        server_cpu: median(|cost| cost.server_cpu),
        peak_mib: median(|cost| cost.peak_mib),
        stored: median(|cost| cost.stored as f64) as u64,
    }
}
