//! Keys: ECDSA over P-256 with SHA-256, as cosign's.

use std::fmt;

use p256::SecretKey;
use p256::ecdsa::signature::{Signer, Verifier};
use p256::ecdsa::{self, DerSignature, VerifyingKey};
use p256::elliptic_curve::rand_core::OsRng;
use p256::pkcs8::{
    DecodePrivateKey, DecodePublicKey, EncodePrivateKey, EncodePublicKey, LineEnding,
};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::encrypted;

/// What is wrong with a key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// It is no PEM, or not of a kind that is read here.
    #[error("the key is no PEM of a kind that is known: {0}")]
    Pem(String),
    /// It is a key, but not one of these.
    #[error("the key is not ECDSA over P-256 (prime256v1), the only kind that signs here: {0}")]
    Kind(String),
    /// It is encrypted and no password is there.
    #[error(
        "the key is encrypted: set EVENHAND_KEY_PASSWORD, or COSIGN_PASSWORD, to its password (empty where it has none)"
    )]
    NoPassword,
    /// The password does not open it.
    #[error("the password does not open the key, or the key's file is damaged")]
    Password,
    /// Its encryption can't be read.
    #[error("the encrypted key can't be read: {0}")]
    Encrypted(String),
}

/// A private key, which signs. It prints as nothing, and its memory is overwritten when it is dropped.
#[derive(Clone)]
pub struct SigningKey(ecdsa::SigningKey);

impl SigningKey {
    /// A new one, of the system's random numbers.
    pub fn generate() -> Self {
        Self(ecdsa::SigningKey::random(&mut OsRng))
    }

    /// Reads PEM: PKCS#8 (`PRIVATE KEY`), SEC1 (`EC PRIVATE KEY`), or cosign's encrypted keys, with their password.
    ///
    /// # Errors
    /// It is none of these, or the password does not open it.
    pub fn from_pem(text: &str, password: Option<&[u8]>) -> Result<Self, KeyError> {
        // Parameters of the curve stand before the key that `openssl ecparam -genkey` writes.
        let blocks = pem::parse_many(text).map_err(|e| KeyError::Pem(e.to_string()))?;
        let mut keys = blocks
            .into_iter()
            .filter(|block| block.tag() != "EC PARAMETERS");
        let block = keys
            .next()
            .ok_or_else(|| KeyError::Pem("it is empty".into()))?;
        let tag = block.tag().to_owned();
        let bytes = Zeroizing::new(block.into_contents());
        let kind = |e: &dyn fmt::Display| KeyError::Kind(e.to_string());
        let key = match tag.as_str() {
            "PRIVATE KEY" => SecretKey::from_pkcs8_der(&bytes).map_err(|e| kind(&e))?,
            "EC PRIVATE KEY" => SecretKey::from_sec1_der(&bytes).map_err(|e| kind(&e))?,
            encrypted::LABEL | encrypted::OLD_LABEL => {
                let pkcs8 = encrypted::open(&bytes, password.ok_or(KeyError::NoPassword)?)?;
                SecretKey::from_pkcs8_der(&pkcs8).map_err(|e| kind(&e))?
            }
            other => {
                return Err(KeyError::Pem(format!(
                    "it is a {other:?}; wanted are PRIVATE KEY, EC PRIVATE KEY or {}",
                    encrypted::LABEL
                )));
            }
        };
        Ok(Self(key.into()))
    }

    /// PEM as `cosign generate-key-pair` writes it, encrypted with this password.
    ///
    /// # Errors
    /// It can't be encrypted.
    pub fn to_encrypted_pem(&self, password: &[u8]) -> Result<String, KeyError> {
        let pkcs8 = SecretKey::from(self.0.as_nonzero_scalar()).to_pkcs8_der();
        let pkcs8 = pkcs8.map_err(|e| KeyError::Encrypted(e.to_string()))?;
        encrypted::seal(pkcs8.as_bytes(), password)
    }

    /// Its public half.
    pub fn public(&self) -> PublicKey {
        PublicKey(*self.0.verifying_key())
    }

    /// The signature over these bytes, in DER.
    pub(crate) fn sign(&self, bytes: &[u8]) -> Vec<u8> {
        let signature: DerSignature = self.0.sign(bytes);
        signature.as_bytes().to_vec()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey(private, of {})", self.public().fingerprint())
    }
}

/// A public key, which verifies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// Reads PEM (`PUBLIC KEY`), as cosign and openssl write it.
    ///
    /// # Errors
    /// It is no PEM, or not a key of this kind.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        let block = pem::parse(text).map_err(|e| KeyError::Pem(e.to_string()))?;
        if block.tag() != "PUBLIC KEY" {
            return Err(KeyError::Pem(format!(
                "it is a {:?}; wanted is PUBLIC KEY",
                block.tag()
            )));
        }
        VerifyingKey::from_public_key_der(block.contents())
            .map(Self)
            .map_err(|e| KeyError::Kind(e.to_string()))
    }

    /// PEM (`PUBLIC KEY`).
    ///
    /// # Errors
    /// None that is known of.
    pub fn to_pem(&self) -> Result<String, KeyError> {
        self.0
            .to_public_key_pem(LineEnding::LF)
            .map_err(|e| KeyError::Kind(e.to_string()))
    }

    /// SHA-256 of its DER (SubjectPublicKeyInfo), in hexadecimal: how people name it.
    pub fn fingerprint(&self) -> String {
        // Every point on the curve has this form.
        let der = self.0.to_public_key_der();
        der.map_or_else(
            |_| String::new(),
            |der| hex::encode(Sha256::digest(der.as_bytes())),
        )
    }

    /// Is this DER a signature of this key over these bytes?
    pub(crate) fn verifies(&self, bytes: &[u8], signature: &[u8]) -> bool {
        DerSignature::from_bytes(signature)
            .is_ok_and(|signature| self.0.verify(bytes, &signature).is_ok())
    }
}
