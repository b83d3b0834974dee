//! Parses `postgres://` URLs. We handle the TLS parameters ourselves, because we give them a stricter meaning than the
//! driver.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

/// How long sent data may stay unacknowledged before the connection counts as dead. Half a minute survives lost packets
/// and the failover of an address, and is still acceptable for a request.
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a connection may be idle before it is probed. It is less than five minutes, after which routers commonly
/// drop idle connections.
const KEEPALIVE_IDLE: Duration = Duration::from_mins(1);

/// The name of our connections in `pg_stat_activity`.
const APPLICATION_NAME: &str = "workersd";

/// The address of a Postgres server, and how its identity is checked.
#[derive(Clone)]
pub(crate) struct PostgresUrl {
    pub(super) config: Config,
    pub(super) checks: ServerChecks,
    /// The file of root certificates; `None` for those of the operating system.
    pub(super) root_certificates: Option<PathBuf>,
}

/// What is checked before a password is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ServerChecks {
    /// Nothing, because there is no TLS.
    None,
    /// The certificate must be issued by a trusted authority.
    Certificate,
    /// The certificate must be issued by a trusted authority, for the host that we connect to.
    CertificateAndName,
}

/// The error for an invalid Postgres URL. It never quotes values, because a mistake may put a password anywhere.
#[derive(Debug, thiserror::Error)]
pub enum InvalidPostgresUrlError {
    /// `sslmode` has an unknown value.
    #[error("`sslmode` must be disable, prefer, require, verify-ca or verify-full")]
    SslMode,
    /// `sslrootcert` contains an invalid escape.
    #[error("`sslrootcert` must be `system` or the path of a file, with `%` written as `%25`")]
    SslRootCert,
    /// The URL names no host.
    #[error("the URL names no host")]
    NoHost,
    /// The rest of the URL is invalid.
    #[error("{0}")]
    Other(String),
}

impl FromStr for PostgresUrl {
    type Err = InvalidPostgresUrlError;

    fn from_str(text: &str) -> Result<Self, InvalidPostgresUrlError> {
        let (base, parameters) = split_parameters(text);
        let mut ssl_mode = None;
        let mut root_certificates = None;
        let mut others = Vec::new();
        for parameter in parameters.split('&').filter(|parameter| !parameter.is_empty()) {
            match parameter.split_once('=') {
                Some(("sslmode", mode)) => ssl_mode = Some(parse_ssl_mode(mode)?),
                Some(("sslrootcert", "system")) => root_certificates = None,
                Some(("sslrootcert", path)) => root_certificates = Some(PathBuf::from(decode_percent(path)?)),
                _ => others.push(parameter),
            }
        }
        let rest = if others.is_empty() { base.to_owned() } else { format!("{base}?{}", others.join("&")) };
        let mut config = Config::from_str(&rest).map_err(|error| InvalidPostgresUrlError::Other(describe(&error)))?;
        // The driver would report this at the first connection only.
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(InvalidPostgresUrlError::NoHost);
        }

        let absent = if is_local(&config) {
            (SslMode::Disable, ServerChecks::None)
        } else {
            (SslMode::Require, ServerChecks::CertificateAndName)
        };
        let (mode, checks) = ssl_mode.unwrap_or(absent);
        config.ssl_mode(mode);
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(TCP_USER_TIMEOUT);
        }
        // The driver has a default here and no `None`, so a URL that names that default gets ours.
        if config.get_keepalives_idle() == Config::new().get_keepalives_idle() {
            config.keepalives_idle(KEEPALIVE_IDLE);
        }
        if config.get_application_name().is_none() {
            config.application_name(APPLICATION_NAME);
        }
        Ok(Self { config, checks, root_certificates })
    }
}

impl fmt::Display for PostgresUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("postgres://")?;
        for (index, host) in self.config.get_hosts().iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            match host {
                Host::Tcp(host) if host.contains(':') => write!(formatter, "{comma}[{host}]")?,
                Host::Tcp(host) => write!(formatter, "{comma}{host}")?,
                Host::Unix(path) => write!(formatter, "{comma}{}", path.display())?,
            }
            let ports = self.config.get_ports();
            // One port may stand for all hosts.
            if let Some(port) = ports.get(index).or_else(|| ports.first()) {
                write!(formatter, ":{port}")?;
            }
        }
        match self.config.get_dbname() {
            Some(name) => write!(formatter, "/{name}"),
            None => Ok(()),
        }
    }
}

/// Splits at the `?` before the parameters. A user or password in front of it may also contain one.
fn split_parameters(text: &str) -> (&str, &str) {
    let host = text.find('@').map_or(0, |at| at + 1);
    match text[host..].find('?') {
        Some(question) => (&text[..host + question], &text[host + question + 1..]),
        None => (text, ""),
    }
}

fn parse_ssl_mode(text: &str) -> Result<(SslMode, ServerChecks), InvalidPostgresUrlError> {
    match text {
        "disable" => Ok((SslMode::Disable, ServerChecks::None)),
        "prefer" => Ok((SslMode::Prefer, ServerChecks::CertificateAndName)),
        "require" | "verify-full" => Ok((SslMode::Require, ServerChecks::CertificateAndName)),
        "verify-ca" => Ok((SslMode::Require, ServerChecks::Certificate)),
        _ => Err(InvalidPostgresUrlError::SslMode),
    }
}

fn decode_percent(text: &str) -> Result<String, InvalidPostgresUrlError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        bytes.extend_from_slice(before.as_bytes());
        let byte = after.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(byte.ok_or(InvalidPostgresUrlError::SslRootCert)?);
        rest = &after[2..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8(bytes).map_err(|_| InvalidPostgresUrlError::SslRootCert)
}

/// Returns the parser's message, unless it may quote a value.
fn describe(error: &tokio_postgres::Error) -> String {
    let words = crate::error::chain(error);
    // These two messages quote the name of a parameter and no value.
    if words.contains("unknown option") || words.contains("invalid value for option") {
        words
    } else {
        "it cannot be read; escape special characters of user and password as `%XX`".to_owned()
    }
}

/// Returns whether the connection does not cross a network.
fn is_local(config: &Config) -> bool {
    let is_loopback_name =
        |host: &str| host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback());
    // `hostaddr` decides where the connection goes, whatever `host` says.
    if !config.get_hostaddrs().is_empty() {
        return config.get_hostaddrs().iter().all(IpAddr::is_loopback);
    }
    config.get_hosts().iter().all(|host| match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => is_loopback_name(name),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> PostgresUrl {
        text.parse().unwrap()
    }

    fn mode(text: &str) -> (SslMode, ServerChecks) {
        let url = parse(text);
        (url.config.get_ssl_mode(), url.checks)
    }

    #[test]
    fn every_mode_that_may_use_tls_checks_certificates() {
        let base = "postgres://h/d?sslmode=";
        assert_eq!(mode(&format!("{base}disable")), (SslMode::Disable, ServerChecks::None));
        assert_eq!(mode(&format!("{base}prefer")), (SslMode::Prefer, ServerChecks::CertificateAndName));
        assert_eq!(mode(&format!("{base}require")), (SslMode::Require, ServerChecks::CertificateAndName));
        assert_eq!(mode(&format!("{base}verify-full")), (SslMode::Require, ServerChecks::CertificateAndName));
        assert_eq!(mode(&format!("{base}verify-ca")), (SslMode::Require, ServerChecks::Certificate));
        assert!(format!("{base}allow").parse::<PostgresUrl>().is_err());
    }

    #[test]
    fn without_a_mode_tls_is_required_unless_the_server_is_on_this_machine() {
        // One remote host among several is enough, because the driver may connect to any of them.
        for remote in ["postgres://db.example/d", "postgres://10.0.0.7/d", "postgres://localhost,db.example/d"] {
            assert_eq!(mode(remote), (SslMode::Require, ServerChecks::CertificateAndName), "{remote}");
        }
        for local in ["postgres://localhost/d", "postgres://127.0.0.1/d", "postgres://[::1]/d", "postgres://%2Ftmp/d"] {
            assert_eq!(mode(local), (SslMode::Disable, ServerChecks::None), "{local}");
        }
    }

    #[test]
    fn what_a_hosted_postgres_hands_out_is_understood() {
        let url = parse(
            "postgresql://u:p@ep-1-pooler.eu.example.tech/neondb?sslmode=require&channel_binding=require\
             &options=endpoint%3Dep-1",
        );
        assert_eq!(url.config.get_options(), Some("endpoint=ep-1"));
        assert_eq!(url.config.get_channel_binding(), tokio_postgres::config::ChannelBinding::Require);
        assert_eq!(url.config.get_ssl_mode(), SslMode::Require);
    }

    #[test]
    fn a_root_certificate_file_is_unescaped() {
        let url = parse("postgres://h/d?sslrootcert=%2Fetc%2Fa%20b.pem&sslmode=verify-full");
        assert_eq!(url.root_certificates, Some(PathBuf::from("/etc/a b.pem")));
        assert_eq!(parse("postgres://h/d?sslrootcert=system").root_certificates, None);
        assert!("postgres://h/d?sslrootcert=%zz".parse::<PostgresUrl>().is_err());
    }

    #[test]
    fn a_question_mark_in_a_password_is_no_parameter() {
        let url = parse("postgres://u:p?sslmode=disable@h/d");
        assert_eq!(url.config.get_password(), Some(b"p?sslmode=disable".as_slice()));
        assert_eq!(url.config.get_ssl_mode(), SslMode::Require);
    }

    #[test]
    fn an_unknown_parameter_is_named_and_a_missing_host_too() {
        let error = "postgres://h/d?frobnicate=1".parse::<PostgresUrl>().err().map(|error| error.to_string());
        assert!(error.is_some_and(|text| text.contains("frobnicate")));
        assert!(matches!("postgres:///d".parse::<PostgresUrl>(), Err(InvalidPostgresUrlError::NoHost)));
    }
}
