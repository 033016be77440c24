//! Names and addresses: resolution, hosts with several addresses, clusters.

use finding::Cause;

use super::{Rule, rule};
use crate::offline::sign::{bind, code, event, says, with};

pub(super) const RULES: &[Rule] = &[
    rule(
        Cause::RemoteNameUnresolvable,
        "name resolution dns wins hosts ping by name fails ping by ip works cannot resolve remote server name lookup host not found secondary dns netbios name ip address changed new address connector by name fully qualified suffix record server moved subnet",
        &[
            with(&[9318], &[1722], 1.6),
            with(&[9318, 9316], &[11001, 11004], 2.0),
            says(
                "ping|reach|connect ip|address works|work|succeeds|ok name fail|not|intermittent",
                2.6,
            ),
            says("ping|connect|reach name fail|not|unknown|cannot", 1.6),
            says("name cannot|not|fail|unable resolve", 2.4),
            says(
                "dns|wins|hosts|hostsfile|lmhosts wrong|missing|old|dead|fail|no|without|lacks|down|record|entry",
                1.5,
            ),
            says("name+resolution|name+resolv*|resolve+name", 2.0),
            says("dns|wins", 0.7),
            code(&[11001, 11002, 11004], 1.4),
            code(&[1722], 0.5),
            says("host+found|unknown+host|name+found", 1.6),
            bind(&[1722, 11001, 11004], -1.2),
            event(&[9322], -0.9),
            event(&[9301, 9411, 2219], -1.5),
            says("ip|address changed|new|moved name|dns|wins|hosts|server", 1.2),
            with(&[9215], &[10060, 10061, 11004], 0.5),
            says("nslookup|ping+a|net+view", 0.9),
            // A name that leads to an old address is resolved, if wrongly.
            says(
                "answers|answer|resolves|goes|leads|points from|to|old|former address|ip old|former",
                -2.4,
            ),
            with(&[9321], &[11004], 1.6),
        ],
        "on the server that calls, resolve the name of the other server and connect to every address that comes back",
        &[
            "Enter the name with the right address in the name service that the calling server asks, or in its table of hosts.",
            "Take name servers that no longer answer out of its configuration.",
        ],
    ),
    rule(
        Cause::BindbackNameUnresolvable,
        "bind back name called server resolve fully qualified domain name caller dns hosts record firewall cluster upgrade server name string a record host entry alias called server cannot find caller new version string",
        &[
            event(&[9322], 2.2),
            with(&[9322], &[1722, 11001, 11004], 2.0),
            bind(&[1722, 11001, 11004], 2.6),
            says("bindback fail|name|resolve", 1.8),
            says("name called|receiving|other resolve|dns|hosts|fqdn", 1.2),
            says("fqdn", 0.9),
            says("servicepack 9322|9318|bindback|queue", 0.5),
            with(&[9322], &[5], -2.4),
            code(&[5], -1.2),
            says("one+direction|oneway|one+way", 0.5),
            says("firewall|filter|nat|translat*|netbios+gateway|ras", -0.9),
        ],
        "on the server that was called, resolve the name that stands in the protocol string of its event 9322",
        &[
            "Make the bind-back name of the caller resolvable on the called server: a host record, or an entry in its table of hosts.",
        ],
    ),
    rule(
        Cause::ReverseLookupMissing,
        "reverse lookup caller ip address host name connector stack page fqdn ptr record gateway network address could not be found receiver zone arpa unable to identify caller",
        &[
            event(&[9301], 1.8),
            event(&[9202], 1.8),
            says("reverse lookup|dns|zone|resolve", 2.8),
            says("ptr|in+addr", 2.6),
            says("fqdn|hostname|host+name connector|stack", 1.6),
            says("address not|cannot|missing resolve|lookup name stack|connector|caller", 1.6),
            says("one+way|oneway", 0.5),
            says("ras|rras|multihomed|firewall|proxy", -0.8),
            says("in+addr|arpa", 2.0),
        ],
        "on the receiving server, turn the caller's address into a name and compare it with the stack page of the connector",
        &[
            "Enter the caller's address instead of its name on the connector's stack page, or make the reverse look-up give that name.",
        ],
    ),
    rule(
        Cause::ReverseLookupFallback,
        "informational 9301 logged although mail flows address lookup first then name harmless connector gateway could not be found",
        &[
            event(&[9301], 1.6),
            says(
                "mail|messages|connector flow|flows|works|delivered|transfer|normally|fine|ok",
                1.4,
            ),
            says("inform*|harmless 9301", 1.2),
            event(&[9202, 51], -2.0),
            says("backlog|refuse|reject|fail|cannot|no+mail", -1.0),
        ],
        "see whether mail comes in over this connector right after the event",
        &[
            "Nothing is broken: the second look-up, by name, succeeded. With the address on the stack page the event goes away.",
        ],
    ),
    rule(
        Cause::MultihomedSourceAddress,
        "multihomed several network cards two addresses source address caller uses other address receiver refuses x400 connector stack ip address override ras pool two subnets virtual ip alias address",
        &[
            event(&[9301], 1.5),
            says(
                "multihomed|multi+homed|several+nic|two+nic|two+nics|two+ip|multiple+nic|multiple+ip|second+nic|several+ip|two+addresses|multiple+addresses",
                2.2,
            ),
            says("source address|ip", 1.8),
            says("ras|rras|routing+remote|pool x400", 1.4),
            says("nic|address sends|caller|outgoing|outbound x400|connector", 1.0),
            event(&[51], 0.6),
            says("rejects|refuse|reject receiver|remote|peer address", 0.9),
        ],
        "on the receiving server, compare the source address of the incoming connection with the stack page of the connector",
        &[
            "Enter the address that the caller really uses at the receiver, or tie the caller's connector to its configured address.",
        ],
    ),
    rule(
        Cause::MultihomedWrongAddressReturned,
        "multihomed server wins dns returns wrong address unreachable subnet several addresses registered client cannot connect second network card private network",
        &[
            says("multihomed|multi+homed", 2.0),
            says("multihomed wins|dns|client|resolve|registered", 1.6),
            says(
                "wins|dns|resolve wrong|another|unreachable|private|second|other address|ip|nic",
                2.0,
            ),
            says("two|several|multiple nic|nics|address|addresses wins|dns|resolve|client", 1.4),
            with(&[9318], &[1722], 0.4),
        ],
        "resolve the server's name where it fails, and connect to each address that comes back",
        &[
            "Register only the address that all can reach, or give it first; use a fixed entry on the side that fails.",
        ],
    ),
    rule(
        Cause::NetworkBindingOrder,
        "binding order network adapter first bindings control panel second nic wrong adapter protocol order services start added card dialup adapter loopback services fail start 9266 own address",
        &[
            says("binding+order|bindings|bind+order nic|nics|order|first|adapter|network", 2.6),
            says("nic first|order|second", 1.6),
            says("nic added|new|second start|fail|rpc|bind", 1.2),
            code(&[11004], 0.6),
            event(&[9321], 0.8),
            says("spx|netbeui|ipx", -1.4),
            event(&[9266], 1.2),
            with(&[9321], &[11004], 1.6),
            says("second|added|new|loopback|ras nic", 0.9),
        ],
        "list the bindings of the adapters in their order",
        &[
            "Put the adapter that leads to the other servers first in the order of bindings, and restart.",
        ],
    ),
    rule(
        Cause::EndpointMapperSingleAdapter,
        "endpoint mapper registered one adapter multihomed second network card rpc not listening other interface 1753 card cards",
        &[
            says("endpoint|mapper nic|adapter|interface|multihomed|one", 2.8),
            says("rpc listen|registered|endpoints one|single|first nic|adapter|interface", 2.4),
            code(&[1753], 1.0),
            says("rpc one|single|first card|cards|nic|interface|address", 2.0),
        ],
        "ask the endpoint mapper on each address of the server",
        &["Bind RPC to all adapters, or let the peers use the adapter that it is bound to."],
    ),
    rule(
        Cause::ClusterNodeAddressUsed,
        "cluster virtual server node address name active node ip network name failover mta uses node instead of virtual wolfpack mscs resource group passive failover owner",
        &[
            says("cluster", 2.6),
            says("node|virtual address|name|ip|server", 1.6),
            says("cluster firewall|x400|connector|site+connector|9301|bind|dns", 1.2),
            says("failover|fail+over", 0.8),
            event(&[9301, 9322], 0.4),
            says("wins private|heartbeat", -0.8),
            says("mscs|wolfpack|virtual+server", 1.4),
            event(&[9318, 51, 289, 9202], 0.3),
        ],
        "on the peer, compare the source address of the clustered server's calls with the address of the virtual server and that of the node",
        &[
            "Let the MTA bind to the address and name of the virtual server, by update or by its override of the stack address.",
            "Until then, admit the addresses of all nodes at firewalls and at the peer's connector.",
        ],
    ),
    rule(
        Cause::AllNumericComputerName,
        "computer name numeric digits only number taken for ip address host name 1234",
        &[
            says("numeric|digits|number|numbers computer+name|server+name|name", 3.4),
            says("all+numeric|numeric+name|only+digits|name+digits", 2.4),
            says("admd|x121|x400|alphanumeric", -2.5),
            says("name|called numeric|1234|12345|number", 1.4),
        ],
        "look whether the server's name holds a letter",
        &[
            "Rename the server so that its name begins with a letter, or reach it by its fully qualified name.",
        ],
    ),
    rule(
        Cause::ComputerNameTooLong,
        "long computer name 15 characters 14 13 longer than length netbios name truncated",
        &[
            says(
                "character|characters computer+name|server+name|netbios|name 15|13|14|long|longer|exceed*",
                3.4,
            ),
            says("long|longer name computer|server|netbios|host", 2.4),
            says("15+character|13+character|14+character", 1.8),
            says("x400|proxy|address|recipient|directory|mta+name", -1.2),
        ],
        "count the characters of the server's name",
        &["Use computer names of at most 13 characters, or install the update of the resolver."],
    ),
    rule(
        Cause::LmhostsStaleEntry,
        "lmhosts preloaded entry old address changed pre outdated name cache after address change hash pre dom tag",
        &[
            says("lmhosts", 3.0),
            says("lmhosts old|changed|preload*|pre|wrong|entry", 1.6),
            says("preload*", 1.4),
            says("pre entry|entries|tag", 1.6),
            says(
                "ping|name|dns|wins|resolve* answers|answer|resolves|resolve|goes|leads|gives|points|shows old|former|wrong address|ip|subnet",
                3.0,
            ),
        ],
        "list the name cache and compare the preloaded entries with the servers' addresses",
        &["Correct the entries of LMHOSTS and load the cache again (nbtstat -R)."],
    ),
    rule(
        Cause::NameCacheCorrupt,
        "netbios name cache corrupt nbtstat flush purge reload wrong entries",
        &[
            says("name+cache|netbios+cache|nbt+cache", 3.2),
            says("nbtstat", 1.6),
            says("netbios|name cache corrupt|flush|clear*|purge", 1.6),
            says("directory|dl", -1.5),
        ],
        "list the NetBIOS name cache, empty it, and try again",
        &[
            "Empty and reload the name cache (nbtstat -R); install the update of NetBT if it comes back.",
        ],
    ),
    rule(
        Cause::WinsClientBoundToClusterNic,
        "cluster private heartbeat adapter wins client bound registers private address name resolution nodes",
        &[
            says("cluster wins", 3.2),
            says(
                "heartbeat|private+network|private+adapter|private+nic wins|netbios|bound|register*",
                2.4,
            ),
        ],
        "list which adapters of the cluster node register with WINS",
        &[
            "Unbind the WINS client from the private adapter of the cluster and remove the entries that it registered.",
        ],
    ),
];
