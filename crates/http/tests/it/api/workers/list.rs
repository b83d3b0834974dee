//! `GET /api/workers`

use chrono::TimeDelta;
use reqwest::{Method, Response, Url};
use serde_json::{Value, json};
use workers_domain::ports::Store as _;
use workers_domain::{TenantId, UnreadableWorker, Worker, WorkerId, WorkerName};
use workers_testing::FakeStore;

use crate::support::{TestApp, status_and_json};

#[tokio::test]
async fn without_workers_the_list_is_empty() {
    let app = TestApp::start();
    assert_eq!(status_and_json(app.get("/api/workers").await).await, (200, json!([])));
}

#[tokio::test]
async fn the_newest_comes_first() {
    let app = TestApp::start();
    let old = app.deploy().await;
    app.clock.advance(TimeDelta::seconds(1));
    let new = app.deploy().await;
    let (_, list) = status_and_json(app.get("/api/workers").await).await;
    let ids: Vec<&Value> = list.as_array().unwrap().iter().map(|worker| &worker["id"]).collect();
    assert_eq!(ids, [&json!(new), &json!(old)]);
}

#[tokio::test]
async fn every_member_of_the_contract_is_there() {
    let app = TestApp::start();
    app.deploy().await;
    let (_, mut list) = status_and_json(app.get("/api/workers").await).await;
    list[0]["id"] = json!("[id]");
    list[0]["snapshotId"] = json!("[snapshot]");
    insta::assert_json_snapshot!(list, @r#"
    [
      {
        "createdAt": "2025-11-23T09:26:40.000Z",
        "errorMessage": null,
        "expiresInDays": 7,
        "functions": [
          "greet",
          "hang"
        ],
        "id": "[id]",
        "isolation": null,
        "lastInvokedAt": null,
        "name": "greeter",
        "snapshotExpiresAt": "2025-11-30T09:26:40.000Z",
        "snapshotId": "[snapshot]",
        "status": "ready"
      }
    ]
    "#);
}

#[tokio::test]
async fn an_expired_worker_says_so() {
    let app = TestApp::start();
    app.deploy().await;
    app.clock.advance(TimeDelta::days(8));
    let (_, list) = status_and_json(app.get("/api/workers").await).await;
    assert_eq!((&list[0]["status"], &list[0]["expiresInDays"]), (&json!("expired"), &json!(0)));
}

#[tokio::test]
async fn without_a_schema_the_answer_says_what_to_do() {
    let app = TestApp::builder().store(FakeStore::without_schema()).start();
    let (status, body) = status_and_json(app.get("/api/workers").await).await;
    assert_eq!((status, &body["code"]), (503, &json!("schema_missing")));
    assert!(body["error"].as_str().unwrap().contains("workersd migrate"));
}

#[tokio::test]
async fn a_worker_that_cannot_be_read_is_listed_as_broken_and_is_good_for_nothing_but_being_deleted() {
    let app = TestApp::start();
    let sound = app.deploy().await;
    let id = WorkerId::generate(chrono::DateTime::UNIX_EPOCH);
    let broken = Worker::unreadable(UnreadableWorker {
        id,
        tenant_id: None,
        name: None,
        created_at: None,
        snapshot_id: None,
        problem: "column `status` holds `weird`".to_owned(),
    });
    app.store.workers().insert(&broken, "").await.unwrap();

    let (status, list) = status_and_json(app.get("/api/workers").await).await;
    assert_eq!((status, list[0]["id"].as_str()), (200, Some(sound.as_str())));
    let shown = &list[1];
    assert_eq!((shown["id"].as_str(), shown["status"].as_str()), (Some(id.to_string().as_str()), Some("error")));
    let message = shown["errorMessage"].as_str().unwrap();
    assert!(message.contains("cannot be read") && !message.contains("weird"), "{message}");

    let path = format!("/api/workers/{id}");
    let answers = [
        app.get(&path).await,
        app.post(&format!("{path}/redeploy"), "").await,
        app.post(&format!("{path}/functions/greet"), "{}").await,
        app.post(&format!("{path}/invoke/greet"), "{}").await,
        app.request(Method::POST, &format!("{path}/invoke/greet"))
            .header("accept", "text/event-stream")
            .send()
            .await
            .unwrap(),
    ];
    for answer in answers {
        let (status, body) = status_and_json(answer).await;
        assert_eq!((status, body["code"].as_str()), (500, Some("worker_unreadable")), "{body}");
        assert!(!body.to_string().contains("weird"), "{body}");
    }
    assert_eq!(status_and_json(app.request(Method::DELETE, &path).send().await.unwrap()).await.0, 200);
    assert_eq!(status_and_json(app.get(&path).await).await.0, 404);
    let (_, list) = status_and_json(app.get("/api/workers").await).await;
    assert_eq!(list.as_array().map(Vec::len), Some(1));
}

/// Stores this many workers, and returns their ids, newest first.
async fn store(app: &TestApp, count: i64) -> Vec<String> {
    let mut ids = Vec::new();
    for index in 0..count {
        let created_at = chrono::DateTime::UNIX_EPOCH + TimeDelta::milliseconds(index / 3);
        let id = WorkerId::generate(created_at);
        let worker = Worker::creating(id, TenantId::DEFAULT, WorkerName::parse("w").unwrap(), Vec::new(), created_at);
        app.store.workers().insert(&worker, "").await.unwrap();
        ids.push((created_at, id));
    }
    ids.sort();
    ids.iter().rev().map(|(_, id)| id.to_string()).collect()
}

async fn ids(response: Response) -> Vec<String> {
    let (status, list) = status_and_json(response).await;
    assert_eq!(status, 200, "{list}");
    list.as_array().unwrap().iter().map(|worker| worker["id"].as_str().unwrap().to_owned()).collect()
}

/// Returns the target of a response's `Link`, resolved against the requested URL like any client does.
fn next(response: &Response) -> Option<Url> {
    let link = response.headers().get("link")?.to_str().unwrap();
    let target = link.strip_prefix('<').unwrap().strip_suffix(">; rel=\"next\"").unwrap();
    Some(response.url().join(target).unwrap())
}

#[tokio::test]
async fn without_a_limit_a_page_has_a_thousand_workers_and_links_to_the_rest() {
    let app = TestApp::start();
    let stored = store(&app, 1001).await;
    let first = app.get("/api/workers").await;
    let link = next(&first).unwrap();
    assert_eq!(ids(first).await, stored[..1000]);
    let last = app.client.get(link).send().await.unwrap();
    assert_eq!(next(&last), None);
    assert_eq!(ids(last).await, stored[1000..]);
    app.request(Method::DELETE, &format!("/api/workers/{}", stored[7])).send().await.unwrap();
    assert_eq!(next(&app.get("/api/workers").await), None, "a thousand are one page");
}

#[tokio::test]
async fn the_links_lead_through_the_whole_list_whatever_comes_and_goes() {
    let app = TestApp::start();
    let stored = store(&app, 10).await;
    let mut found = Vec::new();
    let mut url = Some(Url::parse(&format!("{}/api/workers?limit=3", app.base)).unwrap());
    while let Some(here) = url {
        let page = app.client.get(here).send().await.unwrap();
        url = next(&page);
        let listed = ids(page).await;
        // The last worker of the page is deleted, and others are added.
        app.request(Method::DELETE, &format!("/api/workers/{}", listed.last().unwrap())).send().await.unwrap();
        app.deploy().await;
        found.push(listed);
    }
    assert_eq!(found.iter().map(Vec::len).collect::<Vec<_>>(), [3, 3, 3, 1]);
    assert_eq!(found.concat(), stored);
}

#[tokio::test]
async fn the_link_is_relative_so_that_it_holds_behind_a_proxy_that_adds_a_path() {
    let app = TestApp::start();
    store(&app, 3).await;
    let head = app.request(Method::HEAD, "/api/workers?limit=2").send().await.unwrap();
    let link = head.headers()["link"].to_str().unwrap().to_owned();
    assert!(link.starts_with("<?limit=2&cursor="), "{link}");
    let seen = Url::parse("https://example.com/vendor/api/workers?limit=2").unwrap();
    let target = seen.join(link.trim_start_matches('<').split('>').next().unwrap()).unwrap();
    assert!(target.as_str().starts_with("https://example.com/vendor/api/workers?limit=2&cursor="), "{target}");
}

#[tokio::test]
async fn what_is_no_page_is_refused_by_its_code() {
    let app = TestApp::start();
    let stored = store(&app, 2).await;
    for limit in ["", "0", "-1", "1.5", "1001", "many", "1&limit=1"] {
        let (status, body) = status_and_json(app.get(&format!("/api/workers?limit={limit}")).await).await;
        assert_eq!((status, &body["code"]), (400, &json!("invalid_limit")), "{limit}: {body}");
        assert_eq!((&body["minimum"], &body["maximum"]), (&json!(1), &json!(1000)));
    }
    let cursor = next(&app.get("/api/workers?limit=1").await).unwrap();
    let (_, cursor) = cursor.query_pairs().find(|(name, _)| name == "cursor").unwrap();
    let cut = &cursor[..cursor.len() - 4];
    for cursor in ["", "x", "nonsense", &stored[0], cut, &format!("{cursor}AAAA"), &format!("{cursor}&cursor={cursor}")]
    {
        let (status, body) = status_and_json(app.get(&format!("/api/workers?cursor={cursor}")).await).await;
        assert_eq!((status, &body["code"]), (400, &json!("invalid_cursor")), "{cursor}: {body}");
    }
    assert_eq!(ids(app.get("/api/workers?limit=1000&_=17").await).await, stored);
}
