//! Splits lists into pages.

/// Which page of a list a request asks for.
#[derive(Debug, Clone)]
pub(crate) struct PageRequest {
    /// Maximum number of items on the page.
    pub(crate) limit: usize,
    /// The rank of the last item of the previous page.
    pub(crate) cursor: Option<Rank>,
    /// Whether the list is sorted in descending order.
    pub(crate) descending: bool,
}

/// One page of a list.
#[derive(Debug)]
pub(crate) struct Page<T> {
    /// The items on the page.
    pub(crate) items: Vec<T>,
    /// The cursor of the next page, if there is one.
    pub(crate) next: Option<String>,
}

impl<T> Page<T> {
    /// Converts the items of the page.
    pub(crate) fn map<U>(self, to: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(to).collect(), next: self.next }
    }
}

/// An item's position in a list: the value it is sorted by, and a text that orders items with equal values.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rank(pub(crate) SortValue, pub(crate) String);

/// A value that items are sorted by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum SortValue {
    /// A time.
    Number(i64),
    /// A name or an id.
    Text(String),
}

impl Rank {
    /// Parses a cursor of an earlier response. A cursor stays valid when its item is removed.
    pub(crate) fn parse(cursor: &str) -> Option<Self> {
        // No name and no id contains `~`, so the first one ends the value.
        let (value, tie) = cursor.split_once('~')?;
        let value = match value.split_at_checked(1)? {
            ("n", number) => SortValue::Number(number.parse().ok()?),
            ("t", text) => SortValue::Text(text.to_owned()),
            _ => return None,
        };
        Some(Self(value, tie.to_owned()))
    }

    fn to_cursor(&self) -> String {
        match &self.0 {
            SortValue::Number(number) => format!("n{number}~{}", self.1),
            SortValue::Text(text) => format!("t{text}~{}", self.1),
        }
    }
}

/// Returns the requested page of these items.
pub(crate) fn page<T>(items: Vec<(Rank, T)>, request: &PageRequest) -> Page<T> {
    let mut items = items;
    items.sort_by(|(one, _), (other, _)| if request.descending { other.cmp(one) } else { one.cmp(other) });
    if let Some(cursor) = &request.cursor {
        items.retain(|(rank, _)| if request.descending { rank < cursor } else { rank > cursor });
    }
    let more = items.len() > request.limit;
    items.truncate(request.limit);
    let next = items.last().filter(|_| more).map(|(rank, _)| rank.to_cursor());
    Page { items: items.into_iter().map(|(_, item)| item).collect(), next }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(descending: bool) -> Vec<u32> {
        let mut request = PageRequest { limit: 2, cursor: None, descending };
        let mut seen = Vec::new();
        loop {
            // Two items have the same time, so their ids decide their order.
            let items = [(3, 30), (1, 10), (2, 20), (2, 21), (5, 50)];
            let ranked = items.map(|(time, item)| (Rank(SortValue::Number(time), format!("id{item}")), item)).to_vec();
            let page = page(ranked, &request);
            seen.extend(page.items);
            match page.next {
                Some(next) => request.cursor = Some(Rank::parse(&next).unwrap()),
                None => return seen,
            }
        }
    }

    #[test]
    fn every_item_is_on_exactly_one_page_in_order() {
        assert_eq!(walk(false), [10, 20, 21, 30, 50]);
        assert_eq!(walk(true), [50, 30, 21, 20, 10]);
    }

    #[test]
    fn a_full_last_page_has_no_next() {
        let items = vec![(Rank(SortValue::Text("a".to_owned()), "a".to_owned()), 1)];
        assert_eq!(page(items, &PageRequest { limit: 1, cursor: None, descending: false }).next, None);
    }

    #[test]
    fn what_is_no_cursor_is_none() {
        for text in ["", "x", "n~", "nx~a", "~", "z1~a", "ü~a"] {
            assert_eq!(Rank::parse(text), None, "{text}");
        }
    }
}
