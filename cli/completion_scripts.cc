#include "cli/completion_scripts.h"

namespace gavel::cli {

namespace {

constexpr std::string_view bash_script =
    R"(# Completion of gavel for bash: source it, or put it where bash-completion finds it.

_gavel() {
    local reply mark
    reply=$("${1/#\~/$HOME}" __complete bash "$COMP_WORDBREAKS" \
        "${COMP_LINE:0:COMP_POINT}" 2>/dev/null)
    case $? in
        0) [ -z "$reply" ] || mapfile -t COMPREPLY <<<"$reply" ;;
        10) compopt -o default 2>/dev/null ;;
        11)
            for ((mark = 1; mark < COMP_CWORD; mark++)); do
                case ${COMP_WORDS[mark]} in --|--exec) break ;; esac
            done
            if declare -F _command_offset >/dev/null; then
                _command_offset $((mark + 1))
            elif ((COMP_CWORD == mark + 1)); then
                mapfile -t COMPREPLY < <(compgen -c -- "$2")
            else
                compopt -o default 2>/dev/null
            fi
            ;;
    esac
}
complete -F _gavel gavel
)";

constexpr std::string_view zsh_script = R"(#compdef gavel
# Completion of gavel for zsh: a file named _gavel in a folder of $fpath, or sourced after compinit.

_gavel() {
    local reply
    reply=$(${~words[1]} __complete zsh "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)
    case $? in
        0)
            [[ -n $reply ]] || return 1
            local -a candidates
            candidates=("${(@f)reply}")
            _describe -V candidate candidates
            ;;
        10) _files ;;
        11)
            local mark=${words[(i)(--|--exec)]}
            shift $mark words
            ((CURRENT -= mark))
            _normal
            ;;
        *) return 1 ;;
    esac
}

if [[ ${funcstack[1]} == _gavel ]]; then
    _gavel "$@"
else
    compdef _gavel gavel
fi
)";

constexpr std::string_view fish_script =
    R"(# Completion of gavel for fish: a file named gavel.fish in a folder of $fish_complete_path.

function __gavel_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct | string unescape)
    set -l gavel $words[1]
    set -e words[1]
    set -l reply (command $gavel __complete fish $words "$current" 2>/dev/null)
    switch $status
        case 0
            printf '%s\n' $reply
        case 10
            __fish_complete_path $current
        case 11
            while not contains -- $words[1] -- --exec
                set -e words[1]
            end
            set -e words[1]
            complete -C (string join ' ' -- (string escape -- $words) "$current")
    end
end

complete -c gavel -f -k -a '(__gavel_complete)'
)";

}  // namespace

std::string_view completion_script(Shell shell) {
    switch (shell) {
        case Shell::bash:
            return bash_script;
        case Shell::zsh:
            return zsh_script;
        case Shell::fish:
            return fish_script;
    }
    return {};
}

}  // namespace gavel::cli
