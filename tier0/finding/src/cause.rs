//! The closed list of causes.
//!
//! One row of the table below is one cause: its name in code, its slug, its group and its meaning in one sentence.
//! The doctor and the laboratory share this list and nothing else.

use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::group::Group;

macro_rules! causes {
    ($($variant:ident $slug:literal $group:ident $meaning:literal;)*) => {
        /// Why mail stopped or went astray; the slug is its name outside.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Cause {
            $(#[doc = $meaning] $variant,)*
        }

        impl Cause {
            /// Every cause, in the order of the table.
            pub const ALL: &'static [Cause] = &[$(Cause::$variant,)*];

            /// The name of this cause in kebab-case, as every interface spells it.
            #[must_use]
            pub const fn slug(self) -> &'static str {
                match self { $(Cause::$variant => $slug,)* }
            }

            /// The group that this cause belongs to.
            #[must_use]
            pub const fn group(self) -> Group {
                match self { $(Cause::$variant => Group::$group,)* }
            }

            /// What this cause means, in one sentence.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self { $(Cause::$variant => $meaning,)* }
            }
        }
    };
}

causes! {
    ServiceAccountMismatch "service-account-mismatch" Auth "Services that must share one account run under different or wrong accounts.";
    ServiceAccountPasswordMismatch "service-account-password-mismatch" Auth "The password stored with the service differs from the account's password.";
    ServiceAccountExtendedCharacters "service-account-extended-characters" Auth "Account name or password holds characters the other side encodes differently (only a client-logon case in the archive; none for MTA to MTA).";
    ServiceAccountLacksDirectoryRight "service-account-lacks-directory-right" Auth "The account used (service or override) has no Service Account Admin role on organisation, site or configuration.";
    ServiceAccountIsLocalSystem "service-account-is-local-system" Auth "An Exchange service logs on as LocalSystem instead of the service account.";
    ServiceAccountMissing "service-account-missing" Auth "The service account was deleted or lost; a recreated one has another SID.";
    AccountNamedService "account-named-service" Auth "The account is literally named \"Service\" and is confused with NT AUTHORITY\\SERVICE.";
    OverrideAccountWrong "override-account-wrong" Auth "The account given on a connector's override page is wrong.";
    PasswordExpired "password-expired" Auth "The account presented to the peer has an expired password (NT error 1330).";
    UntrustedDomainsNoMatchingAccount "untrusted-domains-no-matching-account" Auth "Domains do not trust each other and no same-named account with same password (or override) exists.";
    LogonRightMissing "logon-right-missing" Auth "Account lacks \"Access this computer from network\" (error 1385).";
    LogonServerUnavailable "logon-server-unavailable" Auth "No domain controller can be reached or found to validate the account (Netlogon 5719, 1311).";
    DomainControllerUnavailable "domain-controller-unavailable" Auth "The domain controller needed by the directory is down.";
    SecureChannelBroken "secure-channel-broken" Auth "Machine account secret and domain do not match, or Netlogon security registration is missing.";
    MachineAccountInServersGroup "machine-account-in-servers-group" Auth "Computer accounts listed in the global group \"servers\" are treated as LAN Manager BDCs.";
    TrustListIncomplete "trust-list-incomplete" Auth "The list of trusted domains is not fully replicated to a BDC.";
    ExistingSessionBlocksTrustCheck "existing-session-blocks-trust-check" Auth "An open session prevents verification of a new trust (benign).";
    SessionNameMismatch "session-name-mismatch" Auth "A session opened by IP address is not usable by name, or the reverse.";
    NtlmSessionSecurityMismatch "ntlm-session-security-mismatch" Auth "The two machines use incompatible NTLM versions/session security (rollup package, 56/128-bit DLLs, NTLMv2).";
    LmCompatibilityMismatch "lm-compatibility-mismatch" Auth "LMCompatibilityLevel of one machine refuses what the other sends.";
    NtlmVersionInterop "ntlm-version-interop" Auth "Pass-through between OS versions fails.";
    NtlmServiceNotStarted "ntlm-service-not-started" Auth "The NTLM security support provider service is not running.";
    SmbSigningDesync "smb-signing-desync" Auth "SMB signature counters got out of step.";
    RemoteNameUnresolvable "remote-name-unresolvable" Name "The name of the remote server (or connector stack name) cannot be resolved, or resolves through a dead server.";
    BindbackNameUnresolvable "bindback-name-unresolvable" Name "The name that the caller gives for bind-back cannot be resolved by the called server.";
    ReverseLookupMissing "reverse-lookup-missing" Name "The called X.400 MTA cannot turn the caller's address into the configured host name.";
    ReverseLookupFallback "reverse-lookup-fallback" Name "First lookup of the caller by address fails but reverse lookup then succeeds (informational 9301).";
    MultihomedSourceAddress "multihomed-source-address" Name "The caller uses another of its addresses than the one configured at the receiver.";
    MultihomedWrongAddressReturned "multihomed-wrong-address-returned" Name "Resolution returns an address of a multihomed server that cannot be reached.";
    NetworkBindingOrder "network-binding-order" Name "The needed network adapter/binding is not first in the order.";
    EndpointMapperSingleAdapter "endpoint-mapper-single-adapter" Name "RPC endpoints are registered for one adapter only.";
    ClusterNodeAddressUsed "cluster-node-address-used" Name "A clustered MTA uses the node's address instead of the virtual server's.";
    AllNumericComputerName "all-numeric-computer-name" Name "A computer name of digits is taken for an IP address.";
    ComputerNameTooLong "computer-name-too-long" Name "A computer name beyond 13-15 characters is mishandled.";
    LmhostsStaleEntry "lmhosts-stale-entry" Name "Preloaded LMHOSTS entries are outdated.";
    NameCacheCorrupt "name-cache-corrupt" Name "The NetBIOS name cache is corrupt.";
    WinsClientBoundToClusterNic "wins-client-bound-to-cluster-nic" Name "WINS client bound to the private cluster adapter.";
    RpcProtocolNotInBindingOrder "rpc-protocol-not-in-binding-order" Rpc "The only common protocol is not in the RPC binding order.";
    RpcDllVersionMismatch "rpc-dll-version-mismatch" Rpc "RPC files are of mixed versions.";
    RpcRuntimeDefect "rpc-runtime-defect" Rpc "A defect of the Windows RPC runtime.";
    RpcRegistryConflict "rpc-registry-conflict" Rpc "A registry value disturbs RPC services.";
    RegistryValueInvalid "registry-value-invalid" Rpc "An invalid registry string disturbs the server/RPC service.";
    RpcPortAlreadyInUse "rpc-port-already-in-use" Rpc "The static port for RPC listening is taken (error 1720).";
    RpcPortRangeMalformed "rpc-port-range-malformed" Rpc "The RPC port range in the registry is malformed.";
    RpcPortRangeTooSmall "rpc-port-range-too-small" Rpc "The allowed RPC port range is too small.";
    RpcNetbeuiOverRasFails "rpc-netbeui-over-ras-fails" Rpc "RPC over NetBEUI on RAS links fails.";
    RpcLoadTooHigh "rpc-load-too-high" Rpc "Too many RPC calls in a hub site.";
    RpcFragmentHang "rpc-fragment-hang" Rpc "The server waits for the rest of an RPC fragment.";
    RpcAssociationLost "rpc-association-lost" Rpc "The RPC runtime lost the association and refuses binds.";
    PortFilteredByFirewall "port-filtered-by-firewall" Network "A firewall or router filters a port that the association (bind or bind-back) uses.";
    FirewallPreservesClientAddress "firewall-preserves-client-address" Network "A proxying firewall passes the caller's own address, which the receiver's connector does not expect.";
    NatBetweenServers "nat-between-servers" Network "Address translation between the servers breaks inbound or bind-back connections.";
    ProxyServerInPath "proxy-server-in-path" Network "A proxy server that cannot carry the protocol is in the path.";
    ProxyClientRedirectsMta "proxy-client-redirects-mta" Network "Winsock proxy client redirects the MTA's connections.";
    MtuPathLimited "mtu-path-limited" Network "Large packets are dropped on the path.";
    NetworkUnreliable "network-unreliable" Network "Packet loss, outages or slow bursts on the path break associations.";
    NetworkInsufficientBandwidth "network-insufficient-bandwidth" Network "The link is too slow or loaded for the traffic.";
    NetworkLatency "network-latency" Network "The peer answers too late for the RPC or socket timer.";
    NetworkLinkFault "network-link-fault" Network "Duplex, switch port, NIC or corrupting hardware fault.";
    NetworkAdapterFaulty "network-adapter-faulty" Network "Defective network card or driver.";
    NicTeamingDriverConflict "nic-teaming-driver-conflict" Network "Driver conflict with adapter teaming.";
    SwitchPortfastDisabled "switch-portfast-disabled" Network "Spanning tree delays the port at boot.";
    NetbtDatagramBufferExhausted "netbt-datagram-buffer-exhausted" Network "NetBT datagram buffers are exhausted.";
    NetlogonMailslotOverflow "netlogon-mailslot-overflow" Network "Over-long mailslot stops Netlogon.";
    RemoteServerUnreachable "remote-server-unreachable" Network "The destination server is down or not reachable.";
    SlowLinkFlowControl "slow-link-flow-control" Network "One slow or failed link stalls the others.";
    SlowLinkReordering "slow-link-reordering" Network "Data reordered on a slow link.";
    TcpipStackDamaged "tcpip-stack-damaged" Network "TCP/IP must be reinstalled.";
    RasDeviceBusy "ras-device-busy" Ras "Modem/line is in use.";
    RasPhonebookEntryWrong "ras-phonebook-entry-wrong" Ras "Phone book entry (number, prefix, name) is wrong for the connector.";
    RasPhonebookTooManyEntries "ras-phonebook-too-many-entries" Ras "More phone book entries than the admin program reads.";
    RasDefaultGateway "ras-default-gateway" Ras "Dial-up link became the default gateway.";
    RasNetbiosGateway "ras-netbios-gateway" Ras "RAS NetBIOS gateway setting blocks RPC to the caller.";
    RasMtaResourcesTooLow "ras-mta-resources-too-low" Ras "RAS LAN-MTA threads or connections configured too low.";
    MtaStackNotInstalled "mta-stack-not-installed" Ras "The required MTA transport stack (or its RAS/X.400 component) is not installed.";
    ConnectorRemoteNameMismatch "connector-remote-name-mismatch" Connector "Remote server/MTA name on the connector differs (also in case) from the remote's local MTA name.";
    MtaNameDiffersFromServerName "mta-name-differs-from-server-name" Connector "Local MTA name differs from the computer name where it must match.";
    X400ConformanceMismatch "x400-conformance-mismatch" X400 "1984/1988 conformance differs on the ends.";
    X400CredentialsMismatch "x400-credentials-mismatch" X400 "MTA name, password or presentation address presented does not match the connector.";
    MtaPasswordMismatch "mta-password-mismatch" X400 "MTA or override password differs between the ends.";
    X400StackAddressMismatch "x400-stack-address-mismatch" X400 "NSAP/stack address does not match the remote's.";
    TSelectorMismatch "t-selector-mismatch" X400 "Transport selectors do not match.";
    X400SessionSelectorWithX410Mode "x400-session-selector-with-x410-mode" X400 "Session selector used in X.410 mode.";
    TwoWayAlternateMismatch "two-way-alternate-mismatch" X400 "Dialogue mode option not agreed.";
    X400GdiWrong "x400-gdi-wrong" X400 "The connector's global domain identifier does not match the remote domain.";
    NumericAdmdMismatch "numeric-admd-mismatch" X400 "Space/numeric ADMD handled differently.";
    MtsidTraceDomainMismatch "mtsid-trace-domain-mismatch" X400 "Domain in MTSID differs from first trace element.";
    CheckpointSizeMismatch "checkpoint-size-mismatch" X400 "Checkpoint sizes of the two sides conflict.";
    WindowSizeMismatch "window-size-mismatch" X400 "RTSE window size negotiation conflict.";
    Rfc1006ReservedByteNonzero "rfc1006-reserved-byte-nonzero" X400 "TPKT reserved byte not zero and peer is strict.";
    ExpeditedDataOption "expedited-data-option" X400 "Expedited data option unsuitable for the stack.";
    ConnectorScheduleNever "connector-schedule-never" X400 "Connector schedule is Never on one side.";
    ConnectorMissingOnRemote "connector-missing-on-remote" X400 "The connector exists on one side only.";
    DuplicateStackAddress "duplicate-stack-address" X400 "Several connectors share one remote address.";
    TraceRecordsMarkRerouted "trace-records-mark-rerouted" X400 "Multiple trace entries look like a loop to the peer.";
    ForeignMtaUnsupportedAttribute "foreign-mta-unsupported-attribute" X400 "The peer refuses an optional protocol element.";
    OriginatorBarredOnConnector "originator-barred-on-connector" X400 "A filter rule bars the originator.";
    X25CallAddressRejected "x25-call-address-rejected" X25 "X.25 call address format refused by network.";
    X25CircuitsExhausted "x25-circuits-exhausted" X25 "More virtual circuits asked than card or stack allows.";
    X25DriverFaulty "x25-driver-faulty" X25 "X.25 driver misbehaves.";
    X25DriverNotInstalled "x25-driver-not-installed" X25 "X.25 driver missing.";
    X25FacilitiesDataMisconfigured "x25-facilities-data-misconfigured" X25 "Facilities data breaks call matching.";
    X25RegistryParametersMissing "x25-registry-parameters-missing" X25 "Registry parameters for X.25 missing.";
    AddressSpaceMissing "address-space-missing" Routing "No address space on any connector matches the recipient.";
    AddressSpaceReplicatedTooWidely "address-space-replicated-too-widely" Routing "An address space is known in sites that should not use it.";
    AddressSpaceSyntaxInvalid "address-space-syntax-invalid" Routing "A malformed address space stops route calculation.";
    AddressSpaceOnInboundOnlyConnector "address-space-on-inbound-only-connector" Routing "A connector that does not send still advertises a space.";
    DuplicateAddressSpace "duplicate-address-space" Routing "Two connectors advertise the same space though only one can deliver.";
    MailboxAddressClaimsConnectorSpace "mailbox-address-claims-connector-space" Routing "A mailbox's X.400 address makes the site claim another space.";
    ConnectedSitesMissing "connected-sites-missing" Routing "Connected Sites page not filled on an unreplicated/c=* connector.";
    DnUsedAcrossOrganizations "dn-used-across-organizations" Routing "Only a directory name is carried to an organisation or site that does not know it.";
    SiteConnectorAddressSpaceIgnored "site-connector-address-space-ignored" Routing "Site connector address spaces are ignored between replicated sites.";
    RoutingTableStale "routing-table-stale" Routing "Routing table built from old or partial data.";
    RoutingTableEntryMisparsed "routing-table-entry-misparsed" Routing "A routing entry is parsed wrongly.";
    RoutingLoopToSelf "routing-loop-to-self" Routing "A site has a route to its own space through a neighbour.";
    MessageLoopBetweenSystems "message-loop-between-systems" Routing "Two systems send unresolvable mail back to each other.";
    CustomRecipientRerouteLoop "custom-recipient-reroute-loop" Routing "Custom recipient routing by X.400 proxy sends mail back.";
    RerouteHeaderGrowth "reroute-header-growth" Routing "Repeated reroutes enlarge the header until disk or limit is hit.";
    RerouteLoopUnableToDowngrade "reroute-loop-unable-to-downgrade" Routing "Undowngradable message is rerouted between 1984 connectors.";
    RerouteAfterConversionFailure "reroute-after-conversion-failure" Routing "Message failing conversion is rerouted instead of non-delivered.";
    SizeLimitRerouteLoop "size-limit-reroute-loop" Routing "Unequal size limits cause rerouting to the hop limit.";
    AlternateRouteAlsoDown "alternate-route-also-down" Routing "Alternate route cannot reach the destination either.";
    SecuredQueueNotRerouted "secured-queue-not-rerouted" Routing "Mail queued to a gateway is never rerouted.";
    ServerRemovedOrRenamed "server-removed-or-renamed" Routing "Queues, connectors or directory refer to a server no longer there.";
    VersionMixLoopDetection "version-mix-loop-detection" Routing "Mixed versions produce false loop detection.";
    DirectoryServiceNotRunning "directory-service-not-running" Directory "The directory service is not running.";
    DirectoryNotReplicated "directory-not-replicated" Directory "Directory replication is incomplete for the recipient.";
    DirectoryCacheStale "directory-cache-stale" Directory "The MTA's directory cache (60 s) is out of date.";
    DirectoryCacheTooSmall "directory-cache-too-small" Directory "Directory cache is sized too small.";
    DlMembershipCacheStale "dl-membership-cache-stale" Directory "Cached list membership contains a deleted member.";
    RecipientNotInDirectory "recipient-not-in-directory" Directory "Recipient or originator is unknown in the directory.";
    DeletedRecipientRoutedExternally "deleted-recipient-routed-externally" Directory "Deleted recipient's mail falls through to an external connector.";
    AddressBookEntryStale "address-book-entry-stale" Directory "Sender's address book holds an old DN.";
    MailboxLacksX400Address "mailbox-lacks-x400-address" Directory "An object has no X.400 proxy address.";
    DirectoryNameVsDisplayName "directory-name-vs-display-name" Directory "Directory names and display names of site/organisation differ.";
    DuplicateAlias "duplicate-alias" Directory "Two recipients share one alias.";
    FuzzyProxyMatch "fuzzy-proxy-match" Directory "Fuzzy address matching picks the wrong recipient.";
    FuzzyProxySearchSlow "fuzzy-proxy-search-slow" Directory "Fuzzy searches over a big list block the MTA.";
    X500DnRegistryWrong "x500-dn-registry-wrong" Directory "The MTA's X500 DN registry value is missing or wrong.";
    SiteNameRegistryMismatch "site-name-registry-mismatch" Directory "Site name in the registry is wrong.";
    AdminLacksPermission "admin-lacks-permission" Directory "Administrator role insufficient.";
    MoveMailboxIncomplete "move-mailbox-incomplete" Directory "A mailbox move left directory and store inconsistent.";
    MalformedX400Address "malformed-x400-address" Content "Address attributes are missing, duplicated, empty, too long or badly escaped.";
    MalformedRecipientProperty "malformed-recipient-property" Content "A recipient property is out of range for conversion.";
    UnresolvedDnInAddress "unresolved-dn-in-address" Content "Queued message carries an unresolved DN.";
    InvalidRecipientFailsWholeMessage "invalid-recipient-fails-whole-message" Content "One invalid recipient fails all.";
    NonPrintableOrgOrSiteName "non-printable-org-or-site-name" Content "Names outside PrintableString.";
    UnsupportedBodyPartCharset "unsupported-body-part-charset" Content "Body part type or character set not supported.";
    UnsupportedContentType "unsupported-content-type" Content "Content type not supported.";
    UnsupportedHeaderExtension "unsupported-header-extension" Content "Heading extension not recognised.";
    ForeignMtaMalformedEncoding "foreign-mta-malformed-encoding" Content "The peer encodes PDUs wrongly.";
    CorruptMessageBlocksQueue "corrupt-message-blocks-queue" Content "One corrupt message object stops or crashes processing.";
    VeryLargeMessage "very-large-message" Content "A very large message monopolises the MTA.";
    MessageTooManyRecipients "message-too-many-recipients" Content "Too many recipients in one message.";
    ConversionFailsUnderLoad "conversion-fails-under-load" Content "Conversion fails only under load.";
    UnableToDowngrade "unable-to-downgrade" Content "Address cannot be expressed in 1984 format.";
    EncapsulatedAddressNotStripped "encapsulated-address-not-stripped" Content "Encapsulation DDA remains in the address.";
    MessageSizeLimitExceeded "message-size-limit-exceeded" Policy "A size limit on MTA, connector, list or mailbox is exceeded.";
    MtaSizeLimitsInconsistent "mta-size-limits-inconsistent" Policy "Different size limits between servers.";
    DeliveryRestriction "delivery-restriction" Policy "Sender not permitted for a recipient, list or connector.";
    DeliveryRestrictionWrongAttribute "delivery-restriction-wrong-attribute" Policy "Restriction stored in the wrong property.";
    DeliveryRestrictionsExpensive "delivery-restrictions-expensive" Policy "List-based restrictions overload the MTA.";
    RecipientReassignmentProhibited "recipient-reassignment-prohibited" Policy "Reassignment forbidden but alternate recipient set.";
    AlternateRecipientInvalid "alternate-recipient-invalid" Policy "Alternate recipient invalid.";
    DlExpansionServerMissing "dl-expansion-server-missing" Policy "List's expansion server no longer exists.";
    DlExpansionProhibited "dl-expansion-prohibited" Policy "Sender forbids list expansion.";
    RuleForwardsToDeletedRecipient "rule-forwards-to-deleted-recipient" Policy "A rule sends to a deleted recipient.";
    PublicFolderPermission "public-folder-permission" Policy "No right to post.";
    PublicFolderReplicaMissing "public-folder-replica-missing" Policy "No reachable replica.";
    MailboxOverQuota "mailbox-over-quota" Policy "Mailbox may not receive.";
    DeferredTimeBeyondTimeout "deferred-time-beyond-timeout" Policy "Deferral later than message timeout.";
    ExpiryDateOutOfRange "expiry-date-out-of-range" Policy "Expiry date beyond 2050.";
    MessageDateTooOld "message-date-too-old" Policy "Message stamped with an old date.";
    SystemClockWrong "system-clock-wrong" Policy "A clock along the path is wrong.";
    StoreResourceErrorRedelivery "store-resource-error-redelivery" Policy "Store error causes hourly redelivery.";
    StoreMtaSessionUnavailable "store-mta-session-unavailable" Policy "Store has no MTA session.";
    VirusScannerInterference "virus-scanner-interference" Policy "Antivirus blocks or alters mail handling.";
    MtaDatabaseCorrupt "mta-database-corrupt" MtaDb "MTADATA files are corrupt.";
    MtaDatabaseCoreFilesMissing "mta-database-core-files-missing" MtaDb "Core DB000001-26 or template files missing or corrupt.";
    MtaDatabaseFilesMissing "mta-database-files-missing" MtaDb "Message/queue DAT files missing.";
    MtaDatabasePathWrong "mta-database-path-wrong" MtaDb "Registry path to MTADATA or run directory is wrong.";
    MtaNotShutDownCleanly "mta-not-shut-down-cleanly" MtaDb "Unclean stop triggers recovery.";
    MtaSlowStartLargeDatabase "mta-slow-start-large-database" MtaDb "Many DAT files make start slow.";
    MtacheckLogUnwritable "mtacheck-log-unwritable" MtaDb "MTACHECK.LOG read-only or corrupt.";
    MtacheckOutputReplayed "mtacheck-output-replayed" MtaDb "Files removed by mtacheck were put back.";
    DbbitmpMissing "dbbitmp-missing" MtaDb "Clean-stop marker missing.";
    SchemaFileVersionMismatch "schema-file-version-mismatch" MtaDb "Dbserver.sch / schema does not match the build.";
    InfoCfgFileMismatch "info-cfg-file-mismatch" MtaDb "Info*.cfg do not match the build.";
    WorkQueueFileDamaged "work-queue-file-damaged" MtaDb "Work queue object damaged.";
    DatFileLocked "dat-file-locked" MtaDb "A DAT file is locked and cannot be deleted.";
    QueueEntryDeletedWhileInUse "queue-entry-deleted-while-in-use" MtaDb "Queue entry deleted by admin while in use.";
    ConnectorObjectDeletedInUse "connector-object-deleted-in-use" MtaDb "Connector deleted while in use.";
    SiteDeletedWhileInUse "site-deleted-while-in-use" MtaDb "Site deleted while resources in use.";
    IncompatibleDll "incompatible-dll" Start "A DLL of wrong version.";
    IncompatibleBackupSoftware "incompatible-backup-software" Start "Old backup software disturbs the MTA.";
    ServiceDisabled "service-disabled" Start "Service disabled.";
    UpgradeNeedsRestart "upgrade-needs-restart" Start "Restart needed after upgrade.";
    MtaRunFromCommandLine "mta-run-from-command-line" Start "MTA run interactively.";
    LowMemory "low-memory" Resources "Memory, paged pool or heap shortage.";
    LowDiskOrVirtualMemory "low-disk-or-virtual-memory" Resources "Disk or page file nearly full.";
    DiskSpaceLow "disk-space-low" Resources "MTADATA disk under 10 MB.";
    StoreReadOnly "store-read-only" Resources "The filesystem of the store takes no writes.";
    StoreDiskFault "store-disk-fault" Resources "The disk of the store fails reads, writes or syncs.";
    FileDescriptorsExhausted "file-descriptors-exhausted" Resources "The process may open no more files.";
    ControlBlocksExhausted "control-blocks-exhausted" Resources "No free transport control blocks.";
    ControlBlocksMisconfigured "control-blocks-misconfigured" Resources "Control block values too low or above the pool.";
    EntityControlBlocksExhausted "entity-control-blocks-exhausted" Resources "No free entity control blocks.";
    MtaGatewayClientsExhausted "mta-gateway-clients-exhausted" Resources "MT gateway clients too few.";
    XapiSessionsExhausted "xapi-sessions-exhausted" Resources "Concurrent XAPI sessions too few.";
    XapiThreadsTooMany "xapi-threads-too-many" Resources "XAPI thread sum too high.";
    StoreMtaThreadsTooMany "store-mta-threads-too-many" Resources "Store's MTA threads sum too high.";
    MtaThreadsTooFew "mta-threads-too-few" Resources "MTA/store threads too few.";
    AssociationLimitReached "association-limit-reached" Resources "Nine associations to one MTA are in use.";
    LocalityTableFull "locality-table-full" Resources "About 240 RPC associations in use.";
    SemaphoresExhausted "semaphores-exhausted" Resources "Semaphores exhausted.";
    IrpstacksizeTooSmall "irpstacksize-too-small" Resources "IRPStackSize too small.";
    TrackingLogBufferSmall "tracking-log-buffer-small" Resources "Tracking log writer cannot keep up.";
    MtaBufferLimitExceeded "mta-buffer-limit-exceeded" Resources "16 KB submission buffer exceeded.";
    MailStorm "mail-storm" Resources "Reply storm to a large list.";
    ReceiptFlood "receipt-flood" Resources "Receipts flood one mailbox.";
    DirectoryReplicationOverload "directory-replication-overload" Resources "Replication schedule overloads queues.";
    StoreDatabaseFragmented "store-database-fragmented" Resources "Store fragmentation slows delivery.";
    OpenIntervalTooLow "open-interval-too-low" Resources "Open Interval set too low.";
    SecurityLogFullCrashOnAudit "security-log-full-crash-on-audit" Resources "Security log full with CrashOnAuditFail.";
    MtaHeuristics2kEncoding "mta-heuristics-2k-encoding" Resources "2 KB encoding heuristic bit leads to heap errors.";
    BenignEventMisreported "benign-event-misreported" Benign "The event is logged wrongly or is normal; no action.";
    BenignByDesign "benign-by-design" Benign "Normal behaviour.";
    MtaDefectCrash "mta-defect-crash" Defect "Access violation or fatal error from an MTA code fault.";
    MtaDefectRaceCondition "mta-defect-race-condition" Defect "Threading fault.";
    MtaDefectDeadlock "mta-defect-deadlock" Defect "Threads deadlock.";
    MtaDefectResourceLeak "mta-defect-resource-leak" Defect "Control blocks, memory or counts leak.";
    MtaDefectContentConversion "mta-defect-content-conversion" Defect "Conversion code fault.";
    MtaDefectAddressEncoding "mta-defect-address-encoding" Defect "Address (DDA/X.121) encoded or escaped wrongly.";
    MtaDefectReportEncoding "mta-defect-report-encoding" Defect "Report encoded wrongly.";
    MtaDefectReportHandling "mta-defect-report-handling" Defect "Report lost or wrong.";
    MtaDefectRouting "mta-defect-routing" Defect "Routing code fault.";
    MtaDefectDlExpansion "mta-defect-dl-expansion" Defect "List expansion fault.";
    MtaDefectMtacheck "mta-defect-mtacheck" Defect "mtacheck fault.";
    MtaDefectReporting "mta-defect-reporting" Defect "Counter or display wrong.";
    MtaDefectPerformance "mta-defect-performance" Defect "Code makes delivery slow.";
    MtaDefectRetryTimer "mta-defect-retry-timer" Defect "Retry or lifetime timer not honoured.";
    MtaDefectDeferredDelivery "mta-defect-deferred-delivery" Defect "Deferred delivery fault.";
    MtaDefectDst "mta-defect-dst" Defect "Daylight saving fault.";
    MtaDefectDate "mta-defect-date" Defect "Calendar fault.";
    MtaDefectTimeZone "mta-defect-time-zone" Defect "Half-hour time zone fault.";
    MtaDefectDowngrade "mta-defect-downgrade" Defect "1988-1984 downgrade fault.";
    MtaDefectDuplicateMessageId "mta-defect-duplicate-message-id" Defect "Identifier reused.";
    MtaDefectFlowControl "mta-defect-flow-control" Defect "Flow control error path.";
    MtaDefectMtadataGrowth "mta-defect-mtadata-growth" Defect "DAT files grow abnormally.";
    MtaDefectQueueReset "mta-defect-queue-reset" Defect "Queue reset while in use.";
    MtaDefectRecoveryLoop "mta-defect-recovery-loop" Defect "Recovery loops.";
    MtaDefectRtseRecovery "mta-defect-rtse-recovery" Defect "RTSE recovery fault.";
    MtaDefectSecondAssociation "mta-defect-second-association" Defect "Second association uses invalid handle.";
    MtaDefectStuckReservation "mta-defect-stuck-reservation" Defect "Reservation survives or DAT not released.";
    MtaDefectTurnLost "mta-defect-turn-lost" Defect "Neither side holds the Turn.";
    NtlmBlocked "ntlm-blocked" Auth "NTLM is restricted or removed by policy on the server, the client or the domain.";
    KerberosRc4Refused "kerberos-rc4-refused" Auth "A domain controller or server refuses RC4, and the account has no AES key.";
    ServicePrincipalNameDuplicate "service-principal-name-duplicate" Auth "Two accounts carry the same service principal name, so tickets are encrypted for the wrong one.";
    ServicePrincipalNameMissing "service-principal-name-missing" Auth "No account carries the service principal name that is asked for.";
    ClockSkew "clock-skew" Auth "The clocks of two machines differ by more than Kerberos or NTLMv2 allows.";
    NetlogonSealingRequired "netlogon-sealing-required" Auth "The domain controller enforces signed and sealed Netlogon channels, and the other side does not offer them.";
    DcomHardeningEnforced "dcom-hardening-enforced" Rpc "The server demands packet integrity for DCOM activation, and the client offers less.";
    SmbSigningRequired "smb-signing-required" Auth "One side requires SMB signing that the other cannot do or has switched off.";
    LdapChannelBindingRequired "ldap-channel-binding-required" Auth "The directory server requires LDAP signing or channel binding that the client does not offer.";
    ProtectedUsersMember "protected-users-member" Auth "The account is in Protected Users, or under an authentication policy, and so may not use NTLM or RC4.";
    ManagedServiceAccountUnusable "managed-service-account-unusable" Auth "The password of a managed service account cannot be fetched by this computer.";
    CertificateExpired "certificate-expired" Auth "A certificate on the way has expired or is not trusted.";
    AccountDisabled "account-disabled" Auth "The account that is presented is disabled.";
    AccountLockedOut "account-locked-out" Auth "The account that is presented is locked out after wrong passwords.";
    AccountExpired "account-expired" Auth "The account that is presented has expired, or may not log on at this time or from this machine.";
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.slug())
    }
}

/// A word that is not a cause of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownCause {
    /// The word that was given.
    pub given: String,
    /// The cause whose slug comes nearest to it, where one is near.
    pub nearest: Option<Cause>,
}

impl fmt::Display for UnknownCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\" is not a known cause", self.given.escape_debug())?;
        match self.nearest {
            Some(cause) => write!(f, "; did you mean {cause}?"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for UnknownCause {}

impl FromStr for Cause {
    type Err = UnknownCause;

    fn from_str(text: &str) -> Result<Self, UnknownCause> {
        let found = Self::ALL.iter().copied().find(|cause| cause.slug() == text);
        found.ok_or_else(|| UnknownCause {
            given: text.chars().take(MAX_SLUG).collect(),
            nearest: nearest(text),
        })
    }
}

/// No slug of the list is longer; a longer word is cut in the error.
const MAX_SLUG: usize = 64;

/// The cause that shares most words with `text`, if it shares at least half of them.
fn nearest(text: &str) -> Option<Cause> {
    if text.len() > MAX_SLUG {
        return None;
    }
    let given: Vec<&str> = text.split(['-', '_', ' ']).collect();
    let shared = |cause: Cause| cause.slug().split('-').filter(|word| given.contains(word)).count();
    let best = Cause::ALL.iter().copied().rev().max_by_key(|cause| shared(*cause))?;
    let words = best.slug().split('-').count().max(given.len());
    (shared(best) * 2 >= words).then_some(best)
}

impl Serialize for Cause {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.slug())
    }
}

impl<'de> Deserialize<'de> for Cause {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_slug_reads_back_and_is_unique() {
        let mut seen = std::collections::BTreeSet::new();
        for cause in Cause::ALL {
            assert_eq!(cause.slug().parse(), Ok(*cause));
            assert_eq!(cause.to_string(), cause.slug());
            assert!(cause.slug().len() <= MAX_SLUG);
            assert!(
                cause
                    .slug()
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            );
            assert!(cause.meaning().ends_with('.') && cause.meaning().len() > 10);
            assert!(seen.insert(cause.slug()));
        }
        assert_eq!(Cause::ALL.len(), 270);
    }

    #[test]
    fn a_near_miss_names_the_neighbour() {
        let error = "service-account-wrong-password".parse::<Cause>().unwrap_err();
        assert_eq!(error.nearest, Some(Cause::ServiceAccountPasswordMismatch));
        assert!(error.to_string().contains("did you mean service-account-password-mismatch?"));
        assert_eq!("zzz".parse::<Cause>().unwrap_err().nearest, None);
    }

    #[test]
    fn groups_are_those_of_the_list() {
        assert_eq!(Cause::PortFilteredByFirewall.group(), Group::Network);
        assert_eq!(Cause::BindbackNameUnresolvable.group(), Group::Name);
        assert_eq!(Cause::ServiceAccountMissing.group(), Group::Auth);
        assert_eq!(Cause::MtaDatabaseCorrupt.group(), Group::MtaDb);
    }
}
