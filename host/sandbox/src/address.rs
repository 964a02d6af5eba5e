//! Which addresses a component may reach.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::sync::Semaphore;
use url::{Host, Url};

/// A name led to an address that the grant doesn't admit.
#[derive(Debug, thiserror::Error)]
#[error(
    "every address of this name is private ({0}); a rule that names the address, or allow_private = true, would admit it"
)]
pub(crate) struct RefusedAddress(IpAddr);

/// Lookups of one plugin at a time. The system's takes a thread for as long as it takes, and there are not many.
const LOOKUPS: usize = 8;

/// Resolves names and hands on public addresses only.
pub(crate) struct CheckedResolver {
    allow_private: bool,
    lookups: Arc<Semaphore>,
}

impl CheckedResolver {
    pub(crate) fn new(allow_private: bool) -> Self {
        Self {
            allow_private,
            lookups: Arc::new(Semaphore::new(LOOKUPS)),
        }
    }
}

impl Resolve for CheckedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (allow_private, lookups) = (self.allow_private, self.lookups.clone());
        Box::pin(async move {
            let place = lookups.acquire_owned().await?;
            let found = tokio::task::spawn_blocking(move || {
                // Held until the thread is free again, whoever still waits for it.
                let _place = place;
                (name.as_str(), 0).to_socket_addrs()
            });
            admit(found.await??.collect(), allow_private)
                .map(|admitted| Box::new(admitted.into_iter()) as Addrs)
                .map_err(Into::into)
        })
    }
}

/// Of a name's addresses, those that may be connected to. The connection goes to one of these: the name is not asked for again.
fn admit(found: Vec<SocketAddr>, allow_private: bool) -> Result<Vec<SocketAddr>, RefusedAddress> {
    let first = found.first().copied();
    let admitted: Vec<_> = found
        .into_iter()
        .filter(|address| allow_private || !is_private(address.ip()))
        .collect();
    match (admitted.is_empty(), first) {
        (true, Some(first)) => Err(RefusedAddress(first.ip())),
        _ => Ok(admitted),
    }
}

/// The address that a URL names itself.
pub(crate) fn literal(url: &Url) -> Option<IpAddr> {
    match url.host()? {
        Host::Ipv4(ip) => Some(ip.into()),
        Host::Ipv6(ip) => Some(ip.into()),
        Host::Domain(_) => None,
    }
}

/// Is this no address of the public internet? After the IANA special-purpose registries (RFC 6890 and successors).
pub(crate) fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_private_v4(ip),
        IpAddr::V6(ip) => is_private_v6(ip),
    }
}

fn is_private_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_broadcast()
        || ip.is_multicast()
        || ip.is_documentation()
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        // 6to4 relays, given up (RFC 7526).
        || (a == 192 && b == 88 && c == 99)
        // Azure's agent and metadata of the machine: public in form only.
        || ip.octets() == [168, 63, 129, 16]
        || (a == 198 && (b == 18 || b == 19))
}

fn is_private_v6(ip: Ipv6Addr) -> bool {
    let s = ip.segments();
    // Forms that carry an IPv4 address are judged by it: mapped, compatible, NAT64 (RFC 6052), 6to4 (RFC 3056).
    let embedded = match s {
        [0, 0, 0, 0, 0, 0xffff, high, low]
        | [0, 0, 0, 0, 0, 0, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, ..] => Some((high, low)),
        _ => None,
    };
    if let Some((high, low)) = embedded {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        return is_private_v4(Ipv4Addr::new(a, b, c, d));
    }
    // ISATAP (RFC 5214) has one below any prefix, which counts too.
    if let [_, _, _, _, 0 | 0x200, 0x5efe, high, low] = s {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        if is_private_v4(Ipv4Addr::new(a, b, c, d)) {
            return true;
        }
    }
    // Global unicast is 2000::/3; of it, 2001::/23 and documentation are special.
    (s[0] & 0xe000) != 0x2000
        || (s[0] == 0x2001 && (s[1] < 0x200 || s[1] == 0xdb8))
        || (s[0] == 0x3fff && s[1] < 0x1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_addresses_are_private() {
        for ip in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "192.0.0.192",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "::1",
            "::",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::127.0.0.1",
            "64:ff9b::a00:1",
            "2002:7f00:1::",
            "fe80::1",
            "fc00::1",
            "fd00:ec2::254",
            "ff02::1",
            "2001:db8::1",
            "2001::1",
            "168.63.129.16",
            "192.88.99.1",
            "2606:4700::5efe:10.0.0.1",
            "fd00::5efe:8.8.8.8",
            "fe80::200:5efe:1.1.1.1",
        ] {
            assert!(is_private(ip.parse().unwrap()), "{ip}");
        }
        for ip in [
            "1.1.1.1",
            "8.8.8.8",
            "172.32.0.1",
            "2606:4700::1111",
            "::ffff:8.8.8.8",
            "2a00:1450::1",
        ] {
            assert!(!is_private(ip.parse().unwrap()), "{ip}");
        }
    }

    #[test]
    fn of_a_name_s_addresses_the_public_ones_are_connected_to() {
        let all = |ips: &[&str]| -> Vec<SocketAddr> {
            ips.iter()
                .map(|ip| SocketAddr::new(ip.parse().unwrap(), 0))
                .collect()
        };
        let mixed = all(&["127.0.0.1", "1.1.1.1", "::ffff:169.254.169.254", "fd00::1"]);
        assert_eq!(admit(mixed.clone(), false).unwrap(), all(&["1.1.1.1"]));
        assert_eq!(admit(mixed.clone(), true).unwrap(), mixed);
        let refused = admit(all(&["192.0.0.192", "::1"]), false).unwrap_err();
        assert_eq!(refused.0.to_string(), "192.0.0.192");
        assert!(admit(Vec::new(), false).unwrap().is_empty());
    }
}
