//! Medians and ratios as Markdown tables.

use super::measure::Cost;
use super::turns::{Costs, Rounds, median};

/// Prints medians and the ratios to the contender named `yardstick`.
pub fn print(work: &str, yardstick: &str, costs: &Costs) {
    println!(
        "\n| {work} | wall s | ratio | client CPU s | ratio | server CPU s | ratio | peak MiB | stored MiB | rounds |"
    );
    println!("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|");
    let base = costs.0.iter().find(|rounds| rounds.name == yardstick).map(medians);
    for rounds in costs.0.iter().filter(|rounds| !rounds.costs.is_empty()) {
        let cost = medians(rounds);
        let ratio = |of: fn(&Cost) -> f64| base.as_ref().map_or(f64::NAN, |base| of(&cost) / of(base));
        println!(
            "| {} | {:.2} | {:.2} | {:.2} | {:.2} | {:.2} | {:.2} | {:.0} | {:.1} | {} |",
            rounds.name,
            cost.wall,
            ratio(|cost| cost.wall),
            cost.client_cpu,
            ratio(|cost| cost.client_cpu),
            cost.server_cpu,
            ratio(|cost| cost.server_cpu),
            cost.peak_mib,
            cost.stored as f64 / f64::from(1 << 20),
            rounds.costs.len(),
        );
    }
}

fn medians(rounds: &Rounds) -> Cost {
    let median = |of: fn(&Cost) -> f64| median(rounds.costs.iter().map(of).collect()).unwrap_or(f64::NAN);
    Cost {
        wall: median(|cost| cost.wall),
        client_cpu: median(|cost| cost.client_cpu),
        server_cpu: median(|cost| cost.server_cpu),
        peak_mib: median(|cost| cost.peak_mib),
        stored: median(|cost| cost.stored as f64) as u64,
    }
}
