"""The tables around the fragments: files seen, failures, runs."""

import pyarrow as pa

from schemas.fragment import column

TIMESTAMP = pa.timestamp("us", tz="UTC")

FILES = pa.schema(
    [
        column("uri", pa.string(), doc="Where the file was seen: an absolute path or a URL."),
        column("num_bytes", pa.int64(), unit="bytes", doc="Size when last read."),
        column("modified", TIMESTAMP, doc="Modification time when last read; null where the store has none."),
        column("etag", pa.string(), doc="Entity tag of an object store; null on local disks."),
        column("track_id", pa.string(), doc="Identity of the content; null if its bytes could not be read."),
        column("metadata", pa.string(), doc="JSON object of the sidecar columns joined by path; null without."),
        column("missing_since", TIMESTAMP, doc="When a build first found the file gone; null while it is there."),
        column("seen_at", TIMESTAMP, doc="When this row was written; of several rows for a uri the last one counts."),
    ]
)

FAILURES = pa.schema(
    [
        column("track_id", pa.string(), doc="Identity of the content; null if its bytes could not be read."),
        column("uri", pa.string(), doc="A path or URL of the track."),
        column("fragment", pa.string(), doc="Fragment that could not be had; tracks if decoding failed."),
        column("fingerprint", pa.string(), doc="Fingerprint of that fragment."),
        column("stage", pa.string(), doc="What was being done: read, decode or extract."),
        column("reason", pa.string(), doc="Reason code from a closed list."),
        column("message", pa.string(), doc="One sentence for a person."),
        column("attempts", pa.int32(), doc="How often it was tried; 0: it no longer fails."),
        column("failed_at", TIMESTAMP, doc="When this row was written."),
    ]
)

RUNS = pa.schema(
    [
        column("run_id", pa.string(), doc="Identity of the build."),
        column("status", pa.string(), doc="running, done, interrupted or failed; a dead run stays running."),
        column("started_at", TIMESTAMP, doc="Start of the build."),
        column("finished_at", TIMESTAMP, doc="End of the build; null while running."),
        column("recipe", pa.string(), doc="The recipe as JSON."),
        column("fingerprints", pa.map_(pa.string(), pa.string()), doc="Fingerprint a fragment of the recipe."),
        column("promoted", pa.map_(pa.string(), pa.string()), doc="Fingerprints that readers see from this run on."),
        column("muze_version", pa.string(), doc="Version of muze."),
        column("machine", pa.string(), doc="Host, cores and Python, as JSON."),
        column("counts", pa.string(), doc="The report of the run as JSON, as printed by build --json."),
        column("seconds", pa.map_(pa.string(), pa.float64()), unit="s", doc="Compute time a fragment, summed."),
        column("audio_s", pa.map_(pa.string(), pa.float64()), unit="s", doc="Audio duration a fragment, summed."),
    ]
)

TABLES = {"files": FILES, "failures": FAILURES, "runs": RUNS}
