//! The verdict on a message, from those on its rows.

use super::sender::DeliveryVerdict;

/// The verdict on a message from those on its rows: it goes as a whole, so it is delivered if all rows are.
pub(super) fn together(verdicts: Vec<DeliveryVerdict>) -> DeliveryVerdict {
    // A sink that says nothing is asked again.
    let nothing = verdicts.is_empty().then_some(DeliveryVerdict::Retry(None));
    verdicts.into_iter().chain(nothing).fold(DeliveryVerdict::Delivered, |so_far, verdict| {
        match (so_far, verdict) {
            (DeliveryVerdict::Retry(a), DeliveryVerdict::Retry(b)) => DeliveryVerdict::Retry(a.max(b)),
            (DeliveryVerdict::Retry(wait), _) | (_, DeliveryVerdict::Retry(wait)) => {
                DeliveryVerdict::Retry(wait)
            }
            (DeliveryVerdict::Rejected(why), _) | (_, DeliveryVerdict::Rejected(why)) => {
                DeliveryVerdict::Rejected(why)
            }
            _ => DeliveryVerdict::Delivered,
        }
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_message_is_delivered_if_all_its_rows_are() {
        use DeliveryVerdict::{Delivered, Rejected, Retry};
        let rejected = |why: &str| Rejected(why.into());
        let second = Some(Duration::from_secs(1));
        assert_eq!(together(vec![Delivered, Delivered]), Delivered);
        assert_eq!(together(vec![Delivered, rejected("a"), rejected("b")]), rejected("a"));
        assert_eq!(together(vec![rejected("a"), Retry(None), Retry(second), Delivered]), Retry(second));
        assert_eq!(together(vec![]), Retry(None));
    }
}
