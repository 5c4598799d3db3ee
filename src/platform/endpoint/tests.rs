//! Every trick that a text may play on the list of allowed endpoints.

use crate::platform::endpoint::*;

fn check(list: &AllowList, endpoint: &str) -> Result<(), String> {
    list.check(&Endpoint::parse(endpoint)?)
}

#[test]
fn endpoints_have_one_way_to_be_written() {
    for (text, canonical) in [
        (
            "https://live.cn-north-4.myhuaweicloud.com",
            "https://live.cn-north-4.myhuaweicloud.com",
        ),
        (
            "HTTPS://Live.CN-North-4.myhuaweicloud.com:443/",
            "https://live.cn-north-4.myhuaweicloud.com",
        ),
        (
            "live.cn-north-4.myhuaweicloud.com",
            "https://live.cn-north-4.myhuaweicloud.com",
        ),
        (
            "https://live.example.com:8443",
            "https://live.example.com:8443",
        ),
        ("http://127.0.0.1:80", "http://127.0.0.1"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("http://localhost:443", "http://localhost:443"),
    ] {
        assert_eq!(
            Endpoint::parse(text).unwrap().to_string(),
            canonical,
            "{text}"
        );
    }
}

#[test]
fn nothing_but_scheme_host_and_port_is_an_endpoint() {
    for text in [
        "",
        "https://",
        "https:///",
        "ftp://live.example.com",
        "https:live.example.com",
        "https:/live.example.com",
        "https://live.example.com//",
        "https://live.example.com/v1",
        "https://live.example.com?x=1",
        "https://live.example.com/?x",
        "https://live.example.com#x",
        "https://user@live.example.com",
        "https://user:secret@live.example.com",
        "https://live.cn-north-4.myhuaweicloud.com@evil.example",
        "https://live.cn-north-4.myhuaweicloud.com\\@evil.example",
        "https://evil.example\\.myhuaweicloud.com",
        "https://evil.example%2f.myhuaweicloud.com",
        "https://evil.example%00.myhuaweicloud.com",
        "https://live.example.com\t",
        "https://live.exa\nmple.com",
        " https://live.example.com",
        "https://live .example.com",
        "https://live.example.com.",
        "https://.example.com",
        "https://live..example.com",
        "https://-live.example.com",
        "https://live-.example.com",
        "https://li_ve.example.com",
        "https://live。example.com",
        "https://ⅼive.example.com",
        "https://live.example.com:",
        "https://live.example.com:0",
        "https://live.example.com:65536",
        "https://live.example.com:+443",
        "https://live.example.com:443:443",
        "https://2130706433",
        "https://0x7f000001",
        "https://0x7f.1",
        "https://127.1",
        "https://0177.0.0.1",
        "https://127.0.0.1.",
        "https://999.0.0.1",
        "https://[::1",
        "https://::1",
        "https://[::1]x:1",
        "https://[fe80::1%25eth0]",
        "https://[127.0.0.1]",
        "https://live.*.myhuaweicloud.com",
        "https://*",
    ] {
        assert!(Endpoint::parse(text).is_err(), "{text}");
    }
}

#[test]
fn a_refusal_shows_no_password() {
    let problem = Endpoint::parse("https://user:secret@live.example.com").unwrap_err();
    assert!(
        !problem.contains("secret") && problem.contains("user info"),
        "{problem}"
    );
}

#[test]
fn regions_become_hosts_and_smuggle_none() {
    let host = |service, region: &str| {
        Endpoint::of_region(service, region).map(|endpoint| endpoint.to_string())
    };
    assert_eq!(
        host(CloudService::Live, "cn-north-4").unwrap(),
        "https://live.cn-north-4.myhuaweicloud.com"
    );
    assert_eq!(
        host(CloudService::Iam, "ap-southeast-3").unwrap(),
        "https://iam.ap-southeast-3.myhuaweicloud.com"
    );
    assert_eq!(
        host(CloudService::Live, "eu-west-101").unwrap(),
        "https://live.eu-west-101.myhuaweicloud.eu"
    );
    assert_eq!(
        host(CloudService::Iam, "europe-1").unwrap(),
        "https://iam.europe-1.myhuaweicloud.com"
    );
    for region in [
        "",
        "evil.example",
        "evil.example/",
        "evil.example#",
        "evil.example?",
        "x@evil.example",
        "a:1",
        "a b",
        "*",
        "CN",
        "-a",
        "a-",
        "a.evil.example:443/",
    ] {
        assert!(host(CloudService::Live, region).is_err(), "{region}");
    }
}

#[test]
fn the_default_list_holds_the_cloud_and_nothing_else() {
    let list = AllowList::default();
    for allowed in [
        "https://live.cn-north-4.myhuaweicloud.com",
        "https://live.eu-west-101.myhuaweicloud.eu",
        "https://iam.ap-southeast-3.myhuaweicloud.com",
        "https://sts.eu-west-101.myhuaweicloud.eu:443",
    ] {
        assert_eq!(check(&list, allowed), Ok(()), "{allowed}");
    }
    for refused in [
        "http://live.cn-north-4.myhuaweicloud.com",
        "https://live.cn-north-4.myhuaweicloud.com:8443",
        "https://live.myhuaweicloud.com",
        "https://live.a.b.myhuaweicloud.com",
        "https://obs.cn-north-4.myhuaweicloud.com",
        "https://live.cn-north-4.myhuaweicloud.com.evil.example",
        "https://live.cn-north-4.evilmyhuaweicloud.com",
        "https://evil.example",
        "https://169.254.169.254",
        "https://127.0.0.1",
        "https://localhost",
    ] {
        assert!(check(&list, refused).is_err(), "{refused}");
    }
}

#[test]
fn entries_say_scheme_port_and_labels() {
    let list: AllowList = "http://127.0.0.1:8080, *.example.com:8443,*,*.*.*.*"
        .parse()
        .unwrap();
    for (endpoint, allowed) in [
        ("http://127.0.0.1:8080", true),
        ("https://127.0.0.1:8080", false),
        ("http://127.0.0.1:8081", false),
        ("http://127.0.0.2:8080", false),
        ("https://live.example.com:8443", true),
        ("https://live.example.com", false),
        ("https://a.live.example.com:8443", false),
        ("https://example.com:8443", false),
        ("https://localhost", true),
        ("https://a.b.c.d", true),
        ("https://10.0.0.1", false),
        ("https://[::1]", false),
    ] {
        assert_eq!(check(&list, endpoint).is_ok(), allowed, "{endpoint}");
    }
    assert_eq!(
        list.to_string(),
        "http://127.0.0.1:8080,*.example.com:8443,*,*.*.*.*"
    );
}

#[test]
fn bad_entries_are_refused() {
    for text in [
        "",
        " , ",
        "live.example.com/path",
        "user@live.example.com",
        "li*e.example.com",
        "live.example.com:x",
        "gopher://a",
    ] {
        assert!(text.parse::<AllowList>().is_err(), "{text}");
    }
}
