# SPDX-License-Identifier: MIT
# Completion of `vmbus` for bash: source it, or install it as
# share/bash-completion/completions/vmbus. Commands and options are those that --help names, so a
# new one needs no line here; only values that are words of a fixed list do.

_vmbus_words() { # Complete the current word from the arguments.
    mapfile -t COMPREPLY < <(compgen -W "$*" -- "${COMP_WORDS[COMP_CWORD]}")
}

_vmbus_commands() {
    "${COMP_WORDS[0]}" --help 2>/dev/null |
        sed -n '/^Commands:/,/^$/s/^  \([a-z][a-z-]*\) .*/\1/p'
}

_vmbus_options() { # Of command $1.
    "${COMP_WORDS[0]}" "$1" --help 2>/dev/null | grep -Eo '(^|[ ,])--[a-z][a-z-]*' | tr -d ' ,' |
        sort -u
}

_vmbus() {
    local command=${COMP_WORDS[1]}

    COMPREPLY=()
    if ((COMP_CWORD == 1)); then
        _vmbus_words "$(_vmbus_commands) help --help --version"
        return
    fi
    case "$command ${COMP_WORDS[COMP_CWORD - 1]}" in
    'help help') _vmbus_words "$(_vmbus_commands)" ;;
    'bench bench') _vmbus_words "dispatch scale ring latency signals memory all" ;;
    'bench --rounds') ;;
    'demo --design') _vmbus_words relid-array percpu-lists ;;
    'demo --version-max') _vmbus_words 6.0 5.3 5.2 5.1 5.0 4.1 4.0 3.0 2.4 1.1 0.13 ;;
    'demo --vps' | 'demo --channels' | 'demo --seconds' | 'demo --seed') ;;
    *)
        if [[ ${COMP_WORDS[COMP_CWORD]} == -* ]]; then
            _vmbus_words "$(_vmbus_options "$command")"
        fi
        ;;
    esac
}

complete -o default -F _vmbus vmbus
