#!/bin/bash
# complete.bash FILE WORD...: what the completion of FILE offers for the last of
# these words, a line each. As in a terminal, --name=value is three words.
source "$1"
shift
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
_tcpshadow
printf '%s\n' "${COMPREPLY[@]}"
