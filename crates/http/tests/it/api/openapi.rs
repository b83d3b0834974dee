//! `GET /api/openapi.json`

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::{TestApp, status_and_json};

#[tokio::test]
async fn the_document_is_the_one_that_was_reviewed() {
    let app = TestApp::start();
    let (status, document) = status_and_json(app.get("/api/openapi.json").await).await;
    assert_eq!((status, document["openapi"].as_str()), (200, Some("3.1.0")));
    insta::assert_json_snapshot!("openapi", document);
}

#[test]
fn every_reference_in_the_document_leads_somewhere() {
    fn references(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(members) => {
                if let Some(Value::String(reference)) = members.get("$ref") {
                    found.insert(reference.clone());
                }
                members.values().for_each(|member| references(member, found));
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }
    let document = serde_json::to_value(workers_http::openapi_document()).unwrap();
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    assert!(!found.is_empty());
    for reference in found {
        assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
    }
}
