//! A request, and its content, field by field.

use std::collections::BTreeMap;

use reqwest::Url;
use serde_json::Value;

use super::archive;
use super::names::Names;

/// A request as it was sent.
#[derive(Debug, Clone)]
pub(super) struct Request {
    /// The operation that the request belongs to.
    pub(super) operation: String,
    pub(super) method: String,
    /// The path, relative to the API's URL.
    pub(super) path: String,
    query: Vec<(String, String)>,
    /// Header names are in lower case: HTTP ignores their case, and the order of headers.
    headers: BTreeMap<String, String>,
    pub(super) body: Vec<u8>,
}

/// The content of a request, by the name of the field: `method`, `path`, `query limit`, `header accept`,
/// `body.tags.key`.
pub(super) type Fields = BTreeMap<String, String>;

impl Request {
    /// Parses a request without its body.
    pub(super) fn parse(line: &str, headers: &str) -> Self {
        let [method, target, "HTTP/1.1"] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let url = Url::parse(&format!("http://server{target}")).unwrap();
        // The path is taken as it was sent, because a parser may normalize it.
        let path = target.split('?').next().unwrap();
        let (operation, path) = path[1..].split_once("/api/").unwrap_or_else(|| panic!("of no operation: {line}"));
        let query = url.query_pairs().into_owned().collect();
        let mut found = BTreeMap::<String, String>::new();
        for (name, value) in headers.lines().filter_map(|header| header.split_once(':')) {
            let before = found.insert(name.to_ascii_lowercase(), value.trim().to_owned());
            assert_eq!(before, None, "{name} twice");
        }
        Self {
            operation: operation.to_owned(),
            method: method.to_owned(),
            path: format!("/{path}"),
            query,
            headers: found,
            body: Vec::new(),
        }
    }

    /// Returns the length of its body from its header.
    pub(super) fn body_length(&self) -> usize {
        assert!(!self.headers.contains_key("transfer-encoding"), "a body whose length is not announced: {self:?}");
        self.headers.get("content-length").map_or(0, |length| length.parse().unwrap())
    }

    /// Returns all its content. Values that differ from run to run are replaced by names.
    pub(super) fn fields(&self, names: &mut Names) -> Fields {
        let mut fields = Fields::from([
            ("method".to_owned(), self.method.clone()),
            ("path".to_owned(), names.replace(&self.path)),
            (
                "order of the query".to_owned(),
                self.query.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>().join(" "),
            ),
        ]);
        for (key, value) in &self.query {
            let before = fields.insert(format!("query {key}"), names.replace(value));
            assert_eq!(before, None, "{key} twice");
        }
        for (name, value) in &self.headers {
            let value = match name.as_str() {
                "host" => "the recorder",
                // The recorder has read the body by this length, so it is right.
                "content-length" if !self.body.is_empty() => "the body's",
                _ => value,
            };
            fields.insert(format!("header {name}"), value.to_owned());
        }
        if let Some(body) = self.read_body() {
            flatten("body", &body, names, &mut fields);
        }
        fields
    }

    fn read_body(&self) -> Option<Value> {
        match self.headers.get("content-type").map(String::as_str) {
            _ if self.body.is_empty() => None,
            Some("application/gzip") => Some(archive::read(&self.body)),
            _ => Some(serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))),
        }
    }
}

/// Adds a field for each value that has no parts.
fn flatten(name: &str, value: &Value, names: &mut Names, fields: &mut Fields) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            for (key, value) in members {
                flatten(&format!("{name}.{key}"), value, names, fields);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for (index, value) in items.iter().enumerate() {
                flatten(&format!("{name}.{index}"), value, names, fields);
            }
        }
        value => {
            fields.insert(name.to_owned(), names.replace(&value.to_string()));
        }
    }
}
