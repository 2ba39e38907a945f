"""The shell line that looks at a log's files on a host.

It lists them with device, inode and size, and sends of those with news whole blocks, in base64. It starts `stat` alone
when there is no news; else `dd` and `base64` for each file that has some, and `stat` once more, which tells of a file
that was renamed meanwhile. FIFOs and the like are never opened. It runs in sh, and is the same under dash, bash and
busybox ash.
"""

from __future__ import annotations

import shlex

from rolloutctl.rules.log_places import MARK, MOST_FILES, Place

BLOCK = 4096  # bytes
_MOST = 4 * 2**20  # bytes of one look; in base64 it has to fit a session's answer
_HOT = 8  # files whose marks are asked for at the first look; older ones hardly ever grow

LOOK = rf"""export LC_ALL=C
nl='
'
set +f
eval "set -- $live?*"
for f; do
  shift
  case $f in *.gz | *.bz2 | *.xz | *.zst | *.zip | *.lz4) continue ;; esac
  if [ -f "$f" ] && [ -r "$f" ]; then set -- "$@" "$f"; fi
done
eval "set -- $live \"\$@\""
for f; do
  shift
  case $f in *"$nl"*) continue ;; esac
  if [ -d "$f" ]; then echo "! folder $f"
  elif [ ! -e "$f" ]; then
    d=.; case $f in */*) d=${{f%/*}} ;; esac
    if [ -d "$d" ] && [ ! -x "$d" ]; then echo "! locked $f"; else echo "! missing $f"; fi
  elif [ ! -f "$f" ]; then echo "! special $f"
  elif [ ! -r "$f" ]; then echo "! locked $f"
  else set -- "$@" "$f"; fi
done
echo "n $#"
list='' fresh='' also='' same='' news=0
if [ $# -gt 0 ] && [ $# -le {MOST_FILES} ]; then list=$(stat -Lc '%Y %d:%i %s %n' -- "$@" 2>/dev/null); fi
set -f --
IFS=$nl
for line in $list; do
  rest=${{line#* }} id=${{line#* }}; id=${{id%% *}} rest=${{rest#* }}
  case $old in *" $id:${{rest%% *}} "*) same="$same $id"; continue ;; esac
  case $known in
    *" $id="*) also=$also$line$nl ;;
    *) fresh=$fresh$line$nl news=$((news + 1)) ;;
  esac
done
if [ "$news" -gt 1 ]; then fresh=$(printf '%s' "$fresh" | sort -n); fi
did=' '
for line in $also$fresh; do
  when=${{line%% *}} rest=${{line#* }}; id=${{rest%% *}} rest=${{rest#* }}; size=${{rest%% *}} f=${{rest#* }}
  off=0 lead=0
  case $did in *" $id "*) continue ;; esac
  did="$did$id "
  case $known in *" $id="*) off=${{known#*" $id="}}; off=${{off%% *}} ;; esac
  case $off in *!) off=${{off%!}} lead=1 ;; esac
  start=$((off > {MARK} ? (off - {MARK}) / {BLOCK} : 0))
  if [ "$size" -lt "$off" ]; then start=0; fi
  if [ "$start" = 0 ]; then lead=0; fi
  count=$(((size + {BLOCK} - 1) / {BLOCK} - start))
  if [ "$count" -gt "$left" ]; then count=$left; fi
  echo "f $when $id $size $start $count $lead $f"
  if [ "$count" -gt 0 ]; then
    left=$((left - count))
    {{
      if [ "$lead" = 1 ]; then dd bs={BLOCK} count=1 if="$f"; fi
      dd bs={BLOCK} skip="$start" count="$count" if="$f"
    }} 2>/dev/null | base64
    echo .
    set -- "$@" "$f"
  fi
done
echo "=$same"
if [ $# -gt 0 ]; then stat -Lc 's %d:%i %s %n' -- "$@" 2>/dev/null; fi
echo end"""


def command(path: str, place: Place, limit: int) -> str:
    """The shell line that looks at a log from a place on; see `settings`."""
    return f"{settings(path, place, limit)}\n{LOOK}"


def settings(path: str, place: Place, limit: int) -> str:
    """What LOOK is to look at, as a shell's assignments.

    Args:
        path: of the log, relative to where the line runs, absolute, or below `~/`; `*` in it stands for what changes.
            With it go the files whose names have more behind it: what a rotation has renamed, unless compressed.
        place: where the last look ended.
        limit: bytes of news that one look may bring, at most 4 MiB.
    """
    files = [file for file in place.of(path).files if file.id]
    wanted = {file.id for file in [file for file in files if not file.gone][-_HOT:] if file.unmarked}
    old = " ".join(f"{file.id}:{file.offset}" for file in files if file.id not in wanted)
    known = " ".join(f"{file.id}={file.offset}{'!' * (file.id in wanted)}" for file in files)
    left = max(1, min(limit, _MOST) // BLOCK) if place.of(path).begun else 0
    return f"live={shlex.quote(_quoted(path))} old=' {old} ' known=' {known} ' left={left}"


def _quoted(path: str) -> str:
    """The path as a word of the shell's, in which `*` and a `~/` at the beginning are all that is not itself."""
    home = '"$HOME"/' if path.startswith("~/") else ""
    rest = path[2:] if home or path.startswith("./") else path
    here = "" if home or path.startswith("/") else "./"
    return home + here + "*".join(shlex.quote(piece) if piece else "" for piece in rest.split("*"))
