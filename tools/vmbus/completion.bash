# SPDX-License-Identifier: MIT
# Completion of `vmbus` for bash: source it, or install it as
# share/bash-completion/completions/vmbus.

_vmbus_words() { # Complete the current word from the arguments.
    mapfile -t COMPREPLY < <(compgen -W "$*" -- "${COMP_WORDS[COMP_CWORD]}")
}

_vmbus_demo() {
    case ${COMP_WORDS[COMP_CWORD - 1]} in
    --design) _vmbus_words relid-array percpu-lists ;;
    --version-max) _vmbus_words 6.0 5.3 5.2 5.1 5.0 4.1 4.0 3.0 2.4 1.1 0.13 ;;
    --vps | --channels | --seconds | --seed) COMPREPLY=() ;;
    *)
        _vmbus_words --vps --channels --seconds --seed --design --version-max --json --plain --help
        ;;
    esac
}

_vmbus() {
    local command=${COMP_WORDS[1]}

    COMPREPLY=()
    if ((COMP_CWORD == 1)); then
        _vmbus_words demo help --help --version
    elif [[ $command == help ]]; then
        ((COMP_CWORD == 2)) && _vmbus_words demo
    elif declare -F "_vmbus_${command//-/_}" >/dev/null && [[ $command != words ]]; then
        "_vmbus_${command//-/_}"
    fi
}

complete -F _vmbus vmbus
