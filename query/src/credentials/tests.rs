use std::path::PathBuf;

use spandrel_config::TlsFiles;
use tempfile::TempDir;

use super::*;

fn sent(credentials: &Credentials) -> Option<String> {
    credentials.sent().map(|token| token.0)
}

#[test]
fn every_line_of_the_token_file_is_accepted_and_the_first_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "new-token\nold-token\n").unwrap();
    let security = Security { token_file: Some(file.clone()), ..Security::default() };
    let credentials = Credentials::load(&security).unwrap();
    assert_eq!(sent(&credentials).as_deref(), Some("new-token"));
    assert!(credentials.accept(b"new-token") && credentials.accept(b"old-token"));
    assert!(!credentials.accept(b"") && !credentials.accept(b"new-token\nold-token"));

    std::fs::write(&file, "newest-token\n").unwrap();
    credentials.look().unwrap();
    assert_eq!(sent(&credentials).as_deref(), Some("newest-token"));
    assert!(!credentials.accept(b"old-token"));
    // What cannot be read changes nothing.
    for wrong in ["", "two words\n"] {
        std::fs::write(&file, wrong).unwrap();
        assert!(credentials.look().is_err());
        assert_eq!(sent(&credentials).as_deref(), Some("newest-token"));
    }
}

#[test]
fn nothing_is_required_where_nothing_is_configured() {
    let credentials = Credentials::load(&Security::default()).unwrap();
    assert!(!credentials.are_required() && !credentials.accept(b""));
}

#[test]
fn new_certificates_are_taken_and_broken_ones_are_not() {
    let authority = Authority::new();
    let issued = authority.issue("localhost");
    let security = Security { tls: Some(issued.files()), ..Security::default() };
    let credentials = Credentials::load(&security).unwrap();
    assert!(credentials.are_required());
    let first = credentials.tls().unwrap();
    credentials.look().unwrap();
    assert!(Arc::ptr_eq(&credentials.tls().unwrap(), &first), "the same files are no change");
    authority.issue_into(&issued.folder, "localhost");
    credentials.look().unwrap();
    let second = credentials.tls().unwrap();
    assert!(!Arc::ptr_eq(&second, &first));
    for (file, text) in [("cert.pem", "no certificate"), ("key.pem", ""), ("ca.pem", "")] {
        let path = issued.folder.path().join(file);
        let right = std::fs::read(&path).unwrap();
        std::fs::write(&path, text).unwrap();
        let error = credentials.look().unwrap_err().to_string();
        assert!(error.contains(file), "{error}");
        std::fs::write(&path, right).unwrap();
    }
    assert!(Arc::ptr_eq(&credentials.tls().unwrap(), &second));
}

/// Signs certificates, as an operator's own authority does.
pub(crate) struct Authority {
    issuer: rcgen::Issuer<'static, rcgen::KeyPair>,
    certificate: String,
}

/// Files in a folder.
pub(crate) struct Issued {
    folder: TempDir,
}

impl Authority {
    pub(crate) fn new() -> Authority {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(Vec::<String>::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap().pem();
        Authority { issuer: rcgen::Issuer::new(params, key), certificate }
    }

    pub(crate) fn issue(&self, name: &str) -> Issued {
        let folder = tempfile::tempdir().unwrap();
        self.issue_into(&folder, name);
        Issued { folder }
    }

    fn issue_into(&self, folder: &TempDir, name: &str) {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap().pem();
        let write = |file: &str, text: &str| std::fs::write(folder.path().join(file), text).unwrap();
        write("cert.pem", &certificate);
        write("key.pem", &key.serialize_pem());
        write("ca.pem", &self.certificate);
    }
}

impl Issued {
    fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    pub(crate) fn files(&self) -> TlsFiles {
        TlsFiles {
            cert_file: self.path("cert.pem"),
            key_file: self.path("key.pem"),
            ca_file: self.path("ca.pem"),
            server_name: None,
        }
    }
}
