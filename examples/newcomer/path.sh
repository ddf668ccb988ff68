#!/usr/bin/env bash
# A newcomer's first steps, and what a terminal shows of them. Called from the repository's folder, it
# leaves there what they make: .venv, and beside this script storage/ and report.html.
set -euo pipefail
folder=$(cd "$(dirname "$0")" && pwd)
trap 'mv "$folder/steps.py.before" "$folder/steps.py"' EXIT
cp "$folder/steps.py" "$folder/steps.py.before"

run() {
    echo "\$ $1"
    eval "$1" 2>&1
}

run 'python3 -m venv .venv && . .venv/bin/activate'
run 'pip install -q ./packages/functionfuse-core'
run 'cd examples/newcomer && cat steps.py'
run 'functionfuse run steps.py:square --storage storage'
run 'functionfuse run steps.py:square --storage storage'
run "sed -i 's/len(values)\$/(len(values) - 1)/' steps.py"
run 'functionfuse why steps.py:square --storage storage'
run 'functionfuse run steps.py:square --storage storage --reuse unchanged'
run 'functionfuse report storage steps --output report.html'
