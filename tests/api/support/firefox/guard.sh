# Runs the browser ("$@") for the test at the other end of our standard input, and leaves
# nothing behind when the test ends, however it does: no process, and no directory $PLACE.
exec 3<&0
"$@" 3<&- &
browser=$!
{
    # Nothing is ever written there: this is the end of the test.
    read -r _
    kill -KILL $browser
} <&3 &
wait $browser
status=$?
rm -rf "$PLACE"
# Nobody may be left to read it, which must not end us before the last line.
trap '' PIPE
echo "the browser ended with status $status" >&2
kill -KILL 0
