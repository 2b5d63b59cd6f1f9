#!/bin/sh
# Gathers the chapters of the book, wherever they are kept, into target/book, and builds them as HTML with mdbook, which is installed into
# target/tools where it is missing.  With --gather it stops before mdbook.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
book=${BOOK:-$root/target/book}
src=$book/src
rm -rf "$src"
mkdir -p "$book" "$src/tutorial" "$src/reference" "$src/library" "$src/errors"
cp "$here/book.toml" "$book/book.toml"
cp "$here"/tutorial/*.md "$src/tutorial/"
cp "$root"/grammar/reference/*.md "$src/reference/"
cp "$root/compiler/graph/PRIMITIVES.md" "$src/primitives.md"
cp "$root"/compiler/diagnostics/codes/*.md "$src/errors/"

# The first heading of a page, as text that a link can hold.
title() {
    sed -n 's/^# //p' "$1" | head -n 1 | sed 's/\[/\\[/g; s/\]/\\]/g'
}

# A page of a file of the library: what it says of itself, and each public item with its signature.
library_page() {
    awk -v name="$2" '
        BEGIN { print "# " name "\n" }
        /^\/\/!/ { line = $0; sub(/^\/\/! ?/, "", line); print line; next }
        /^\/\/\/ ?/ { line = $0; sub(/^\/\/\/ ?/, "", line); doc = doc line "\n"; next }
        /^pub / { open = 1; text = "" }
        open {
            line = $0
            if (line ~ /\{$/) { sub(/ *\{$/, "", line); open = 0 }
            text = text line "\n"
            if (!open) {
                item = text; sub(/^pub [a-z]+ /, "", item); sub(/[^A-Za-z0-9_].*/, "", item)
                print "\n## " item "\n\n```moe\n" text "```\n\n" doc
                doc = ""
            }
            next
        }
        { doc = "" }
    ' "$1"
}

cp "$here/introduction.md" "$src/introduction.md"

summary=$src/SUMMARY.md
{
    echo "# Summary"
    echo
    echo "[Moe](introduction.md)"
    echo
    echo "# Tutorial"
    echo
    for page in "$src"/tutorial/*.md; do
        echo "- [$(title "$page")](tutorial/$(basename "$page"))"
    done
    echo
    echo "# Reference"
    echo
    echo "- [$(title "$src/reference/README.md")](reference/README.md)"
    for page in "$src"/reference/[0-9]*.md; do
        echo "  - [$(title "$page")](reference/$(basename "$page"))"
    done
    echo "- [Primitives](primitives.md)"
    echo
    echo "# Library"
    echo
} >"$summary"
(cd "$root/stdlib" && find . -name '*.moe' | sed 's|^\./||' | LC_ALL=C sort) | while read -r file; do
    name=std::$(echo "${file%.moe}" | sed 's|/|::|g')
    page=$(echo "${file%.moe}" | sed 's|/|-|g').md
    library_page "$root/stdlib/$file" "$name" >"$src/library/$page"
    echo "- [$name](library/$page)" >>"$summary"
done
{
    echo
    echo "# Errors"
    echo
    echo "- [All codes](errors/README.md)"
} >>"$summary"
{
    echo "# All codes"
    echo
    echo "\`moe explain E0301\` prints the page of a code."
    echo
} >"$src/errors/README.md"
for page in "$src"/errors/E*.md; do
    code=$(basename "$page" .md)
    echo "- [$code](${code}.md): $(title "$page")" >>"$src/errors/README.md"
    # The pages begin with what the code means; in the book the code stands before it.
    sed -i "1s/^# /# $code: /" "$page"
    echo "  - [$code](errors/$code.md)" >>"$summary"
done
[ "${1:-}" = --gather ] && exit 0

mdbook=$(command -v mdbook || true)
[ -n "$mdbook" ] || mdbook=$root/target/tools/bin/mdbook
if [ ! -x "$mdbook" ]; then
    echo "installing mdbook into target/tools" >&2
    "${CARGO:-cargo}" install mdbook --version 0.5.4 --locked --no-default-features --features search \
        --root "$root/target/tools" --target-dir "$root/target/tools/build"
fi
"$mdbook" build "$book"
echo "the book is $book/html/index.html"
