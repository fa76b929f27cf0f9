//! The events of API Gateway.

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

/// The client's address in every event.
pub(crate) const SOURCE_IP: &str = "203.0.113.7";

/// A request. The default is `GET` at an HTTP API without a stage in its paths.
#[derive(Clone)]
pub(crate) struct Request {
    pub method: &'static str,
    /// The URL as the client wrote it, with the query.
    pub url: String,
    pub headers: Vec<(&'static str, String)>,
    pub stage: &'static str,
    pub domain: &'static str,
}

impl Request {
    pub(crate) fn get(url: impl Into<String>) -> Self {
        let domain = "abc.execute-api.eu-central-1.amazonaws.com";
        Self { method: "GET", url: url.into(), headers: Vec::new(), stage: "$default", domain }
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Returns the event of an HTTP API, payload format 2.0. The API has decoded the path.
    pub(crate) fn http_api(&self) -> Vec<u8> {
        let (path, query) = self.url.split_once('?').unwrap_or((&self.url, ""));
        let path = percent_decode_str(path).decode_utf8_lossy().into_owned();
        let headers: Map<String, Value> = self
            .headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.as_str().into()))
            .chain([host(self.domain)])
            .collect();
        let event = json!({
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": path,
            "rawQueryString": query,
            "headers": headers,
            "requestContext": {
                "accountId": "123456789012",
                "apiId": "abc",
                "domainName": self.domain,
                "domainPrefix": "abc",
                "http": {"method": self.method, "path": path, "protocol": "HTTP/1.1", "sourceIp": SOURCE_IP, "userAgent": "test"},
                "requestId": "JKJaXmPLvHcESHA=",
                "routeKey": "$default",
                "stage": self.stage,
                "time": "12/Mar/2020:19:03:58 +0000",
                "timeEpoch": 1_583_348_638_390_i64,
            },
            "isBase64Encoded": false,
        });
        event.to_string().into_bytes()
    }

    /// Returns the event of a REST API with the resource `/{proxy+}`, payload format 1.0.
    pub(crate) fn rest_api(&self) -> Vec<u8> {
        let (whole, query) = self.url.split_once('?').unwrap_or((&self.url, ""));
        let path = whole.strip_prefix(&format!("/{}", self.stage)).unwrap_or(whole);
        let mut parameters = Map::new();
        for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            if let Some(values) = parameters.entry(name).or_insert_with(|| json!([])).as_array_mut()
            {
                values.push(value.into());
            }
        }
        let headers: Map<String, Value> = self
            .headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.as_str().into()))
            .chain([host(self.domain)])
            .collect();
        let several: Map<String, Value> =
            headers.iter().map(|(name, value)| (name.clone(), json!([value]))).collect();
        let first: Map<String, Value> =
            parameters.iter().map(|(name, values)| (name.clone(), values[0].clone())).collect();
        let event = json!({
            "resource": "/{proxy+}",
            "path": path,
            "httpMethod": self.method,
            "headers": headers,
            "multiValueHeaders": several,
            "queryStringParameters": (!first.is_empty()).then_some(first),
            "multiValueQueryStringParameters": (!parameters.is_empty()).then_some(parameters),
            "pathParameters": {"proxy": path.trim_start_matches('/')},
            "stageVariables": null,
            "requestContext": {
                "accountId": "123456789012",
                "apiId": "abc",
                "domainName": self.domain,
                "httpMethod": self.method,
                "identity": {"sourceIp": SOURCE_IP, "userAgent": "test"},
                "path": whole,
                "requestId": "41b45ea3-70b5-11e6-b7bd-69b5aaebc7d9",
                "requestTimeEpoch": 1_583_798_639_428_i64,
                "resourceId": "us4z18",
                "resourcePath": "/{proxy+}",
                "stage": self.stage,
            },
            "body": null,
            "isBase64Encoded": false,
        });
        event.to_string().into_bytes()
    }
}

fn host(domain: &str) -> (String, Value) {
    ("host".to_owned(), domain.into())
}
