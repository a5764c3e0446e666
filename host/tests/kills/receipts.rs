//! What a receiver has read, in order, and what must hold of it.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    receiver::Request,
    rows::{Place, Rows},
};

/// A complete request.
#[derive(Clone, Debug)]
struct Receipt {
    key: String,
    place: Place,
    body: String,
}

/// All of them, in the order in which they were read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Receipts {
    receipts: Vec<Receipt>,
    /// Keys that were accepted with an answer that was sent in full.
    accepted: BTreeSet<String>,
    /// Requests that should not be, with why.
    wrong: Vec<String>,
}

impl Receipts {
    /// Notes a request; gives its number if it is as it should be.
    pub(crate) fn note(&mut self, request: &Request) -> Option<usize> {
        let place = Place::of(&request.body).ok_or_else(|| format!("no row: {}", request.body));
        match request.key().and_then(|key| Ok((key, place?))) {
            Ok((key, place)) => {
                let body = request.body.clone();
                self.receipts.push(Receipt { key, place, body });
                Some(self.receipts.len() - 1)
            }
            Err(why) => {
                self.wrong.push(why);
                None
            }
        }
    }

    /// A request was answered with 200, and the answer was sent.
    pub(crate) fn accept(&mut self, number: usize) {
        self.accepted.insert(self.receipts[number].key.clone());
    }

    /// How many different keys were accepted.
    pub(crate) fn accepted(&self) -> usize {
        self.accepted.len()
    }

    /// How many requests were read completely.
    pub(crate) fn len(&self) -> usize {
        self.receipts.len()
    }

    /// The rows that were received; fails where one was not accepted in the end, has another key or content the second
    /// time, or overtook an earlier one of its group.
    pub(crate) fn rows(&self) -> Rows {
        assert!(self.wrong.is_empty(), "{} requests are wrong, first: {:?}", self.wrong.len(), self.wrong[0]);
        let mut by_key: BTreeMap<&str, &Receipt> = BTreeMap::new();
        let mut by_place: BTreeMap<&Place, &Receipt> = BTreeMap::new();
        let mut last: BTreeMap<&str, &Place> = BTreeMap::new();
        for receipt in &self.receipts {
            let Receipt { key, place, body, .. } = receipt;
            if let Some(before) = by_key.insert(key, receipt) {
                assert_eq!((&before.body, &before.place), (body, place), "two contents under the key {key}");
                continue;
            }
            if let Some(before) = by_place.insert(place, receipt) {
                panic!("two keys for {place:?}: {} with {} and {key} with {body}", before.key, before.body);
            }
            let before = last.insert(&place.group, place);
            assert!(before.is_none_or(|before| before < place), "{place:?} was overtaken by {before:?}");
            assert!(self.accepted.contains(key), "{key} was never accepted: {body}");
        }
        by_place.into_iter().map(|(place, receipt)| (place.clone(), receipt.body.clone())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::receiver::signed;

    /// A request for a window's row.
    fn request(key: &str, end: &str, n: u32) -> Request {
        let body = format!("{{\"window_start\":\"0\",\"window_end\":\"{end}\",\"model\":\"m\",\"n\":{n}}}");
        signed(key, &body)
    }

    /// What is found wrong with requests of which all are accepted; none where nothing is.
    fn wrong(requests: &[Request]) -> Option<String> {
        let mut receipts = Receipts::default();
        for request in requests {
            let number = receipts.note(request);
            number.into_iter().for_each(|number| receipts.accept(number));
        }
        let wrong = std::panic::catch_unwind(|| receipts.rows()).err()?;
        Some(wrong.downcast_ref::<String>().cloned().expect("a message"))
    }

    #[test]
    fn repeats_are_harmless_and_everything_else_is_told() {
        let (first, second) = (request("a", "1", 1), request("b", "2", 2));
        assert_eq!(wrong(&[first.clone(), first.clone(), second.clone(), first.clone()]), None);
        let told = |requests: &[Request], why: &str| {
            let wrong = wrong(requests).unwrap_or_else(|| panic!("not told: {why}"));
            assert!(wrong.contains(why), "{wrong}");
        };
        told(&[first.clone(), request("a", "1", 3)], "two contents under the key a");
        told(&[first.clone(), request("c", "1", 1)], "two keys for ");
        told(&[second.clone(), first.clone()], " was overtaken by ");
        let forged = Request { body: second.body.replace(":2}", ":3}"), ..second };
        told(&[first.clone(), forged], "the signature of b is wrong");
        let mut unquoted = first.clone();
        unquoted.headers.iter_mut().for_each(|(_, value)| *value = value.replace('"', ""));
        told(&[unquoted], "the keys differ");
        let mut receipts = Receipts::default();
        receipts.note(&first);
        assert!(std::panic::catch_unwind(|| receipts.rows()).is_err(), "it was never accepted");
    }
}
