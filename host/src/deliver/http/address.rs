//! Which addresses a sink may be at: those of the public internet. All others are refused unless the user allows them.
//!
//! After the special-purpose address registries of IANA. Of IPv6 only the global unicast block counts as public, so that
//! every way to write an IPv4 address inside an IPv6 one (mapped, compatible, NAT64, 6to4, Teredo) is refused.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use reqwest::Url;

/// The IPv4 networks that are not public: network, bits, and what it is.
const NOT_PUBLIC_V4: [(Ipv4Addr, u32, &str); 17] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8, "an unspecified"),
    (Ipv4Addr::new(10, 0, 0, 0), 8, "a private"),
    (Ipv4Addr::new(100, 64, 0, 0), 10, "a carrier's private"),
    (Ipv4Addr::new(127, 0, 0, 0), 8, "a loopback"),
    // Where clouds keep the credentials of their machines.
    (Ipv4Addr::new(168, 63, 129, 16), 32, "a cloud's internal"),
    (Ipv4Addr::new(169, 254, 0, 0), 16, "a link-local"),
    (Ipv4Addr::new(172, 16, 0, 0), 12, "a private"),
    (Ipv4Addr::new(192, 0, 0, 0), 24, "a reserved"),
    (Ipv4Addr::new(192, 0, 2, 0), 24, "a documentation"),
    (Ipv4Addr::new(192, 88, 99, 0), 24, "a 6to4"),
    (Ipv4Addr::new(192, 168, 0, 0), 16, "a private"),
    (Ipv4Addr::new(198, 18, 0, 0), 15, "a benchmarking"),
    (Ipv4Addr::new(198, 51, 100, 0), 24, "a documentation"),
    (Ipv4Addr::new(203, 0, 113, 0), 24, "a documentation"),
    (Ipv4Addr::new(224, 0, 0, 0), 4, "a multicast"),
    (Ipv4Addr::new(255, 255, 255, 255), 32, "a broadcast"),
    (Ipv4Addr::new(240, 0, 0, 0), 4, "a reserved"),
];

/// The IPv6 networks that are not public; behind them, all that is not [`GLOBAL_V6`].
const NOT_PUBLIC_V6: [(Ipv6Addr, u32, &str); 15] = [
    (Ipv6Addr::UNSPECIFIED, 128, "an unspecified"),
    (Ipv6Addr::LOCALHOST, 128, "a loopback"),
    (Ipv6Addr::UNSPECIFIED, 96, "an IPv4-compatible"),
    (Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0), 96, "an IPv4-mapped"),
    (Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96, "a NAT64"),
    (Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, 0, 0), 48, "a NAT64"),
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 32, "a Teredo"),
    (Ipv6Addr::new(0x2001, 2, 0, 0, 0, 0, 0, 0), 48, "a benchmarking"),
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23, "a reserved"),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32, "a documentation"),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16, "a 6to4"),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20, "a documentation"),
    (Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7, "a private"),
    (Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10, "a link-local"),
    (Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8, "a multicast"),
];

/// What of IPv6 is in use on the internet.
const GLOBAL_V6: (Ipv6Addr, u32) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// What kind of address it is, if it is not public: `a loopback`, `a private`, and so on.
pub fn forbidden(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => {
            let within =
                |network: Ipv4Addr, bits: u32| (address.to_bits() ^ network.to_bits()) >> (32 - bits) == 0;
            NOT_PUBLIC_V4.iter().find(|&&(network, bits, _)| within(network, bits)).map(|(_, _, kind)| *kind)
        }
        IpAddr::V6(address) => {
            let within =
                |network: Ipv6Addr, bits: u32| (address.to_bits() ^ network.to_bits()) >> (128 - bits) == 0;
            let named = NOT_PUBLIC_V6.iter().find(|&&(network, bits, _)| within(network, bits));
            let (global, bits) = GLOBAL_V6;
            named.map(|(_, _, kind)| *kind).or_else(|| (!within(global, bits)).then_some("a reserved"))
        }
    }
}

/// As [`forbidden`], for the host of a parsed URL. Names but `localhost` are judged when they are looked up.
pub fn forbidden_host(host: &str) -> Option<&'static str> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = bare.parse() {
        return forbidden(address);
    }
    let name = host.trim_end_matches('.');
    let is_local = name.rsplit('.').next().is_some_and(|last| last.eq_ignore_ascii_case("localhost"));
    is_local.then_some("a loopback")
}

/// Whether an address is link-local or one at which a cloud answers its own machines, however it is written.
pub fn is_link_local(address: IpAddr) -> bool {
    let address = match address {
        IpAddr::V6(address) => address.to_ipv4().map_or(IpAddr::V6(address), IpAddr::V4),
        address => address,
    };
    matches!(forbidden(address), Some("a link-local" | "a cloud's internal"))
}

/// The same for the host of a parsed URL, where it is an address.
pub fn is_never_reached(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.parse().is_ok_and(is_link_local)
}

/// A URL as people are told of it: scheme, host and port alone, since what is behind them may be secret. `{secret:NAME}` is not
/// filled in.
pub fn shown(url: &str) -> String {
    if let Some((name, _)) = url.strip_prefix("{secret:").and_then(|rest| rest.split_once('}')) {
        return format!("the address in secret '{name}'");
    }
    let url = Url::parse(url).ok();
    let parts =
        url.as_ref().and_then(|url| Some((url.scheme(), url.host_str()?, url.port_or_known_default()?)));
    parts.map_or_else(|| "its address".to_owned(), |(scheme, host, port)| format!("{scheme}://{host}:{port}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hosts as somebody may write them in a URL, and what they are.
    const FORBIDDEN: [(&str, &str); 87] = [
        ("127.0.0.1", "a loopback"),
        ("127.1", "a loopback"),
        ("127.0.1", "a loopback"),
        ("127.255.255.254", "a loopback"),
        ("127.0.0.1.", "a loopback"),
        ("2130706433", "a loopback"),
        ("0x7f000001", "a loopback"),
        ("0X7F.0.0.1", "a loopback"),
        ("0x7f.0x0.0x0.0x1", "a loopback"),
        ("0177.0.0.1", "a loopback"),
        ("017700000001", "a loopback"),
        ("0177.0x0.0.1", "a loopback"),
        ("%31%32%37.0.0.1", "a loopback"),
        ("127%2e0%2e0%2e1", "a loopback"),
        ("１２７.０.０.１", "a loopback"),
        ("①②⑦.⓪.⓪.①", "a loopback"),
        ("127。0。0。1", "a loopback"),
        ("localhost", "a loopback"),
        ("LOCALHOST", "a loopback"),
        ("localhost.", "a loopback"),
        ("api.localhost", "a loopback"),
        ("ⓛocalhost", "a loopback"),
        ("0", "an unspecified"),
        ("0.0.0.0", "an unspecified"),
        ("0x0", "an unspecified"),
        ("0.1.2.3", "an unspecified"),
        ("10.0.0.1", "a private"),
        ("10.255.255.255", "a private"),
        ("012.0.0.1", "a private"),
        ("0xa.1", "a private"),
        ("167772161", "a private"),
        ("172.16.0.1", "a private"),
        ("172.31.255.255", "a private"),
        ("192.168.0.1", "a private"),
        ("192.168.257", "a private"),
        ("0xc0a80001", "a private"),
        ("3232235521", "a private"),
        ("100.64.0.1", "a carrier's private"),
        ("100.100.100.200", "a carrier's private"),
        ("100.127.255.255", "a carrier's private"),
        ("169.254.169.254", "a link-local"),
        ("169.254.43518", "a link-local"),
        ("2852039166", "a link-local"),
        ("0xa9fea9fe", "a link-local"),
        ("0251.0376.0251.0376", "a link-local"),
        ("169.254.170.2", "a link-local"),
        ("168.63.129.16", "a cloud's internal"),
        ("192.0.0.192", "a reserved"),
        ("192.0.2.1", "a documentation"),
        ("198.51.100.7", "a documentation"),
        ("203.0.113.255", "a documentation"),
        ("192.88.99.1", "a 6to4"),
        ("198.18.0.1", "a benchmarking"),
        ("198.19.255.255", "a benchmarking"),
        ("224.0.0.1", "a multicast"),
        ("239.255.255.250", "a multicast"),
        ("240.0.0.1", "a reserved"),
        ("255.255.255.254", "a reserved"),
        ("255.255.255.255", "a broadcast"),
        ("4294967295", "a broadcast"),
        ("[::]", "an unspecified"),
        ("[::1]", "a loopback"),
        ("[0:0:0:0:0:0:0:1]", "a loopback"),
        ("[0000::0001]", "a loopback"),
        ("[::127.0.0.1]", "an IPv4-compatible"),
        ("[::8.8.8.8]", "an IPv4-compatible"),
        ("[::ffff:127.0.0.1]", "an IPv4-mapped"),
        ("[::ffff:7f00:1]", "an IPv4-mapped"),
        ("[::ffff:169.254.169.254]", "an IPv4-mapped"),
        ("[::FFFF:a9fe:a9fe]", "an IPv4-mapped"),
        ("[64:ff9b::7f00:1]", "a NAT64"),
        ("[64:ff9b::169.254.169.254]", "a NAT64"),
        ("[64:ff9b:1::a00:1]", "a NAT64"),
        ("[2002:7f00:1::]", "a 6to4"),
        ("[2002:a9fe:a9fe::1]", "a 6to4"),
        ("[2001:0:53aa:64c::80ff:fffe]", "a Teredo"),
        ("[2001:2::1]", "a benchmarking"),
        ("[2001:10::1]", "a reserved"),
        ("[2001:db8::1]", "a documentation"),
        ("[3fff::1]", "a documentation"),
        ("[fc00::1]", "a private"),
        ("[fd00:ec2::254]", "a private"),
        ("[fe80::1]", "a link-local"),
        ("[febf::1]", "a link-local"),
        ("[fec0::1]", "a reserved"),
        ("[ff02::1]", "a multicast"),
        ("[100::1]", "a reserved"),
    ];

    /// Hosts that nothing is wrong with, on either side of the networks above.
    const ALLOWED: [&str; 27] = [
        "1.1.1.1",
        "8.8.8.8",
        "0x08080808",
        "134744072",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.1",
        "168.63.129.15",
        "169.253.255.255",
        "169.255.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "192.0.1.1",
        "192.167.255.255",
        "192.169.0.0",
        "198.17.255.255",
        "198.20.0.0",
        "223.255.255.255",
        "[2606:4700:4700::1111]",
        "[2001:200::1]",
        "[2001:4860:4860::8888]",
        "[3ffe::1]",
        "hooks.slack.com",
        "localhost.example.com",
    ];

    fn of(host: &str) -> Option<&'static str> {
        let url = Url::parse(&format!("http://{host}:8080/hook")).expect(host);
        forbidden_host(url.host_str().unwrap())
    }

    #[test]
    fn what_is_not_public_is_known_however_it_is_written() {
        for (host, kind) in FORBIDDEN {
            assert_eq!(of(host), Some(kind), "{host}");
        }
    }

    #[test]
    fn what_is_public_is_not_refused() {
        for host in ALLOWED {
            assert_eq!(of(host), None, "{host}");
        }
    }

    #[test]
    fn of_a_url_only_scheme_host_and_port_are_told() {
        for (url, expected) in [
            ("https://hooks.example.com/T0/B0/token?key=1#x", "https://hooks.example.com:443"),
            ("http://user:password@10.0.0.1:8080/hook", "http://10.0.0.1:8080"),
            ("http://[::1]/hook", "http://[::1]:80"),
            ("{secret:TEAM_HOOK}", "the address in secret 'TEAM_HOOK'"),
            ("https://{secret:HOST}/hook", "its address"),
            ("https://hooks.example.com/{secret:TOKEN}", "https://hooks.example.com:443"),
            ("hooks.example.com/token", "its address"),
        ] {
            assert_eq!(shown(url), expected, "{url}");
        }
    }

    #[test]
    fn what_is_no_host_is_no_url() {
        for host in ["256.0.0.1", "127.0.0.0.1.1", "0x100000000", "[fe80::1%25eth0]", "[::1", "a b", ""] {
            assert!(Url::parse(&format!("http://{host}:8080/")).is_err(), "{host}");
        }
    }
}
