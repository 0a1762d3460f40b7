//! Putting many large things in order.

/// Puts things in an order: `order` holds, for each position, the number of the thing that belongs there; every number once. Each
/// thing moves to its place by at most one `swap` of two positions, and nothing is copied.
pub fn permute(mut order: Vec<usize>, mut swap: impl FnMut(usize, usize)) {
    for position in 0..order.len() {
        let mut from = order[position];
        while from < position {
            from = order[from];
        }
        order[position] = from;
        swap(position, from);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn things_come_to_their_places() {
        for order in [vec![], vec![0], vec![2, 0, 1, 3], vec![3, 2, 1, 0], vec![1, 2, 3, 0]] {
            let mut things: Vec<usize> = (0..order.len()).collect();
            permute(order.clone(), |a, b| things.swap(a, b));
            assert_eq!(things, order);
        }
    }
}
