"""Names of the activities, as histories hold them: changing one breaks running drafts."""

RECORD = "record"
READ_FACTS = "read_facts"
STAGE = "stage"
PUBLISH = "publish"
FENCE = "fence"
RECONCILE = "reconcile"
RELEASE = "release"
