"""Every Redis key and channel of the system, with the lifetime. No other file names a key."""

QUEUE = "line"  # sorted set: session id -> place (smaller is earlier); ends when the session does
WATCHED = "watched"  # hash: when the line was looked at last, and since when without a gap
LEASES = "leases"  # sorted set: owned session id -> lease end, ms; ends with the ownership
ENDINGS = "endings"  # sorted set: open session id -> when its time is up, ms; ends with the session
LENGTHS = "lengths"  # list: how long the last 64 owners held a slot, ms; ends a day after the last
REPLICAS = "replicas"  # set: ids of replicas; ends with the last heartbeat
OFFERS = "offers"  # set: keys of offers; ends with the last one
BLOCKS = "blocks"  # set: blocked addresses and networks; ends with the last block
WORLDS = "worlds"  # set: keys of releases; ends with the last one

SESSION_TTL_S = 3600  # refreshed by every write to the record
SNAPSHOT_TTL_S = 3600
REPLICA_TTL_S = 5  # a heartbeat older than this means the replica is gone
ACTIONS_TTL_S = 60  # set by every append
ACTIONS_MAXLEN = 4096  # entries kept per replica stream
OFFER_TTL_S = 30  # refreshed by replica heartbeats
RELEASE_TTL_S = 30 * 24 * 3600  # refreshed by the training service every few seconds
FIGURES_TTL_S = 7 * 24 * 3600  # refreshed by every session of the version
RATE_TTL_S = 60
ORDERS_TTL_S = 30


def session(session_id: str) -> str:
    """Hash: the session record with owner and epoch."""
    return f"session:{session_id}"


def snapshot(session_id: str) -> str:
    """Bytes: the newest world snapshot of a session."""
    return f"snapshot:{session_id}"


def saved_origin(snapshot_id: str) -> str:
    """Hash: world, start and seed of a saved snapshot; expires with the snapshot's bytes."""
    return f"kept:{snapshot_id}"


def copies(session_id: str) -> str:
    """Sorted set: ids of the saved snapshots of one session, by time; expires with the newest."""
    return f"copies:{session_id}"


def saved(who: str) -> str:
    """Sorted set: ids of the saved snapshots of one caller; expires with the newest."""
    return f"saved:{who}"


def open_sessions(who: str) -> str:
    """Set: ids of one caller's sessions; `create` removes ended sessions."""
    return f"open:{who}"


def actions(replica_id: str) -> str:
    """Stream: entries {s: session id, a: 28 action bytes}; the replica reads all entries."""
    return f"actions:{replica_id}"


def replica(replica_id: str) -> str:
    """Hash: slots, used, draining, world, capacity, level; expires without heartbeats."""
    return f"replica:{replica_id}"


def orders(replica_id: str) -> str:
    """Hash: what operators want of one replica; ends when the replica reads the orders."""
    return f"orders:{replica_id}"


def offer(name: str, digest: str) -> str:
    """String: JSON of the WorldOffer of one served version."""
    return f"offer:{name}:{digest}"


def world(name: str) -> str:
    """String: JSON of the Release with the versions for new sessions. Without a release, new
    sessions get any served version."""
    return f"world:{name}"


def figures(digest: str) -> str:
    """Hash of counters about the sessions of one version of a world."""
    return f"figures:{digest}"


def block(who: str) -> str:
    """String: why an address or a network is blocked; expires with the block."""
    return f"block:{who}"


def probe(prober: str) -> str:
    """Counter: the test write of a service; expires after 10 s."""
    return f"probe:{prober}"


def rate(kind: str, who: str) -> str:
    """Counter of one kind of request by one caller in the current minute."""
    return f"rate:{kind}:{who}"
