#!/usr/bin/zsh -f
# complete.zsh FOLDER LINE...: what becomes of each line in a terminal, when the
# completion of FOLDER is asked (the tabulator).
zmodload zsh/zpty
folder=$1
shift
answer=$(mktemp)
trap 'rm -f $answer' EXIT

zpty shell zsh -f -i
zpty -w shell "PS1= fpath=($folder \$fpath); autoload -Uz compinit; compinit -u -D"
zpty -w shell "asked() { zle complete-word; print -r -- \$BUFFER >$answer; zle kill-buffer }"
zpty -w shell "zle -N asked; bindkey '^X' asked; echo set''up"
zpty -r shell output '*setup*'
for line; do
	: >$answer
	zpty -w -n shell "$line"$'\x18'
	for n in {1..200}; do
		[[ -s $answer ]] && break
		zpty -r -t shell output
		zselect -t 5 2>/dev/null || sleep 0.05
	done
	cat $answer
done
zpty -d shell
