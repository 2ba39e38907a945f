# The host's side of one session: one conversation, one lock, at most one change. POSIX sh; needs coreutils, flock and
# the application's own php. docs/protocol.md has each verb and each answer.
#
# It arrives inside the exec command behind these assignments: RC_APP, RC_ENV_FILE, RC_STATE (empty: the default),
# RC_PHP, RC_FIRST (the first verbs), RC_EYES (host.php). stdin carries verbs, stdout answers; every answer starts with
# @rc1, so that a login shell's noise is told apart. Free text travels base64-encoded, "-" for empty. No `set -e`: it
# would end the script silently, in the middle of a change, once nobody reads stdout.
# shellcheck shell=sh disable=SC1091,SC2153,SC2088,SC2016

STEPS_UMASK=$(umask) # what the application writes must stay readable to its web process
umask 077
LC_ALL=C
export LC_ALL
unset CDPATH ENV BASH_ENV GREP_OPTIONS
trap '' HUP PIPE # the client's end is no reason to stop between two renames
trap 'TERMINATED=1; kill_group "$STEP_GROUP"' TERM INT
trap 'clean_up' EXIT

SELF=$$      # the process that holds what this session holds; another one once a change is provisional
TERMINATED=
STEP_GROUP=
HOLDING=     # the lock is ours
STATELESS=   # the state folder can't be used: a switch-off goes on, and the client keeps its records
WORKING=     # long work is ours: see working.sh
CHANGE=      # folder of the change that this session has begun
DIRECTION=   # widen | narrow
MS=0
TAB='	'
NEWLINE='
'
BLANKS=" $TAB$NEWLINE" # what IFS is, but for moments
