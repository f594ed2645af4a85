"""All metrics of ingest. A session id is never a label."""

from services.telemetry import meter

PEERS = meter.create_up_down_counter("nextframe_peers", description="open peers, by kind")
ACTIONS = meter.create_counter("nextframe_actions", description="actions received, by outcome")
FRAMES_SENT = meter.create_counter("nextframe_frames_sent", description="frames sent to peers")
FRAMES_DROPPED = meter.create_counter(
    "nextframe_frames_dropped", description="frames not sent, by reason"
)
VIDEO_BYTES = meter.create_counter(
    "nextframe_video", unit="By", description="encoded video sent; its rate is the bit rate"
)
HOP = meter.create_histogram(
    "nextframe_hop",
    unit="s",
    description="from the replica's send to the last RTP packet, by the two wall clocks, or"
    " above the quickest hop where the clocks differ",
    explicit_bucket_boundaries_advisory=[0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5],
)
RECEIVABLE = meter.create_histogram(
    "nextframe_receivable_bitrate",
    unit="bit/s",
    description="what players' browsers say they can receive",
    explicit_bucket_boundaries_advisory=[1e5, 2.5e5, 5e5, 1e6, 2e6, 4e6, 8e6],
)
KEYFRAMES_ASKED = meter.create_counter(
    "nextframe_keyframes_asked", description="keyframe requests sent to replicas"
)
LINKS_BROKEN = meter.create_counter(
    "nextframe_links_broken", description="frame links that ended or brought no frame in time"
)
CUT_OFF = meter.create_counter(
    "nextframe_peers_cut_off", description="peers closed, by close reason"
)
DATAGRAMS_DROPPED = meter.create_counter(
    "nextframe_datagrams_dropped", description="datagrams from the network not handled, by reason"
)
