//! Lists in pages.

/// Which page of a list.
#[derive(Debug, Clone)]
pub(crate) struct PageRequest {
    /// Items on it.
    pub(crate) limit: usize,
    /// Where the last page ended.
    pub(crate) cursor: Option<Rank>,
    /// Whether the greatest comes first.
    pub(crate) descending: bool,
}

/// One page.
#[derive(Debug)]
pub(crate) struct Page<T> {
    /// What is on it.
    pub(crate) items: Vec<T>,
    /// Where the next one begins, if there is one.
    pub(crate) next: Option<String>,
}

impl<T> Page<T> {
    /// The same page of something else.
    pub(crate) fn map<U>(self, to: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(to).collect(), next: self.next }
    }
}

/// An item's place in a list: what it is sorted by, and what tells it from others with the same.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rank(pub(crate) SortValue, pub(crate) String);

/// What items are sorted by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum SortValue {
    /// A time.
    Number(i64),
    /// A name or an id.
    Text(String),
}

impl Rank {
    /// A cursor as it was given out. An item that was removed meanwhile still has its place.
    pub(crate) fn parse(cursor: &str) -> Option<Self> {
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

/// The page of these items.
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
