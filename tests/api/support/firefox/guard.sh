# Runs the browser ("$@") for the test at the other end of our standard input, and leaves
# nothing behind when the test ends, however it does: no process, and no directory $PLACE.
exec 3<&0
"$@" 3<&- &
browser=$!
# The test may be gone before it has read what we say, which must not end us early.
trap '' PIPE
{
    # Nothing is ever written there: this is the end of the test.
    read -r _
    kill -KILL $browser
} <&3 &
wait $browser
echo "the browser ended with status $?" >&2
rm -rf "$PLACE"
kill -KILL 0
