/* The reconfiguration window and its quorums: "the server set is part of the state".
 *
 * A command chosen in slot i may name another server set; the set that the command in slot i leaves
 * governs slot i + ALPHA (Paxos Made Simple, section 3; docs/paxos.md, "Which members count"). The
 * model asks whether two values can be chosen in one slot, or two members execute different ones,
 * when phase 1 and phase 2 of each slot are counted in the slot's own set and nowhere else. With
 * -D and the name of a broken rule, below, the answer has to be yes. `check` runs all of it.
 *
 * What stands for what
 *
 *   leader    One ballot: one run of one member, since a ballot is used once. Ballots are ordered
 *             by number and not by time: any of them may start, go on or fall silent at any moment.
 *             A leader that restarts is a leader that falls silent.
 *   member    An acceptor, a bit in a mask. Who promised, per ballot, and who accepted, per ballot
 *             and slot, are masks; so are the two server sets, OLD and NEW.
 *   value     `noop` or `change`. Each `change` moves to the other set, so two of them lead back.
 *             Disagreement needs two values; more of them would not make it easier.
 *   chosen    A ghost: a majority of the true C(slot) accepted it at one ballot. C(slot) is derived
 *             from nothing but what was chosen up to slot - ALPHA. No leader may read it, except to
 *             learn what is chosen, as below.
 *
 * What is left out, and why no violation is lost by it
 *
 *   Messages. A request and its answer are one step of a leader with one acceptor.
 *     Loss is a step never taken, repetition a step that changes nothing, a slow request a step
 *     taken late. A request whose answer arrives nowhere only raises a promise (or adds a vote, the
 *     same as when its answer does arrive); a raised promise forbids steps and enables none, so a
 *     run without it exists, too. A slow promise: what it says of ballots below b no longer changes
 *     once it is given, so the leader may read it later or, by using any majority of those who
 *     reported and not all of them, not yet. A slow Accepted: counting at once only lets the window
 *     go on earlier, and every slot it passes is one that this leader has proposed in already.
 *   The highest accepted proposal. An acceptor stores one per slot; the model keeps all its votes
 *     and reads the highest one below b. They agree: votes rise, and a promise for b freezes those
 *     below b.
 *   Accepting promises. An acceptor that accepts at b would, right then, also answer Prepare(b), so
 *     it is taken to have done so.
 *   Learning. Whoever executes a slot has heard, directly or by others, of the votes that chose its
 *     value; the learner modes (S19 to S21), notices and Learn only say who hears of them and when.
 *     Here any leader may hear of any chosen value in any step after. A run starts with nothing
 *     executed and may learn first, so what its member knew before is covered. What is learned in
 *     the last ALPHA slots opens no slot of the model and is left out.
 *   Members outside C(slot). They are neither asked nor sent Accepts by a correct leader, and their
 *     votes and reports count nowhere.
 *   Slots above SLOTS. In the slots below they could only raise promises.
 *   Restarts. What an answer rests on is durable before it leaves (S18), so a member comes back as
 *     it was: a step that changes nothing.
 *   Names. Members that are in the same sets are interchangeable; of the states that differ by such
 *     an exchange one is kept (`sort_two`). KEEP_NAMES turns that off, for traces.
 *
 * Some parts are stronger than the protocol: a leader that learned that its proposal lost does not
 * step down, and free slots take either value, gaps included. What holds here holds there.
 *
 * Configuration: ALPHA (1, 2), SLOTS (2 to ALPHA + 2), BALLOTS (2, 3), OLD and NEW (masks of the
 * members 1 to 5, of two or more), CUTS (members may cut slot 1 from their logs).
 */
#ifndef ALPHA
#define ALPHA 1
#endif
#ifndef SLOTS
#define SLOTS 3
#endif
#ifndef BALLOTS
#define BALLOTS 2
#endif
#ifndef OLD
#define OLD 7 /* {1, 2, 3} */
#endif
#ifndef NEW
#define NEW 28 /* {3, 4, 5} */
#endif

mtype = { change, noop }; /* 2 and 1; 0 stands for no value */

/* ---- State ---------------------------------------------------------------------------------- */

/* Masks of members, in one array, so that two members can be exchanged in all of them. */
#define ROWS (BALLOTS * (SLOTS + 2) + 1)
byte row[ROWS];
#define promised(b) row[b]                                     /* at ballot b */
#define accepted(b, s) row[BALLOTS + (b) * SLOTS + (s) - 1]    /* what b proposed in s */
#define promised_after_cut(b) row[BALLOTS * (SLOTS + 1) + (b)] /* of promised(b) */
#define has_cut row[BALLOTS * (SLOTS + 2)]

byte proposals[BALLOTS * SLOTS];
#define proposed(b, s) proposals[(b) * SLOTS + (s) - 1] /* 0: nothing */
byte executed[BALLOTS];                                 /* a prefix of the slots */
byte counted[BALLOTS];                                  /* own slots a quorum accepted in */

/* Ghosts. 0: nothing. */
byte chosen[SLOTS + 1];
byte history[SLOTS + 1]; /* as executed by whoever was first */

#ifdef AMNESIA
bool forgot;
#endif

/* Scratch: every step leaves it at 0. */
byte i;
byte j;
byte v;

#define b _pid /* a leader's number is its ballot, from 0 */

#define bit(m) (1 << ((m) - 1))
#define size(set)                                                                                  \
    (((set) & 1) + (((set) >> 1) & 1) + (((set) >> 2) & 1) + (((set) >> 3) & 1) +                  \
     (((set) >> 4) & 1))
#define majority(who, set) (2 * size((who) & (set)) > size(set))

/* ---- Rules ----------------------------------------------------------------------------------- */

/* C(s) as ballot b knows it: from what it has executed. */
#ifdef UNEXECUTED_SET /* ... and from what it has merely proposed. */
#define command(b, s) ((s) <= executed[b] -> history[s] : proposed(b, s))
#else
#define command(b, s) ((s) <= executed[b] -> history[s] : 0)
#endif
#define moved(b, s)                                                                                \
    (((s) > ALPHA && command(b, 1) == change) ^ ((s) > ALPHA + 1 && command(b, 2) == change))
#define C(b, s) (moved(b, s) -> NEW : OLD)

/* The last slot in which ballot b proposes. */
#if defined(BEYOND_ALPHA) /* The set known last is taken for that of one slot more. */
#define window_end(b) (executed[b] + ALPHA + 1)
#elif defined(UNEXECUTED_SET) /* A proposed command counts as executed. */
#define window_end(b)                                                                              \
    (executed[b] + ALPHA + (executed[b] < SLOTS && proposed(b, executed[b] + 1) != 0))
#else
#define window_end(b) (executed[b] + ALPHA)
#endif
#define in_window(b, s) ((s) > executed[b] && (s) <= SLOTS && (s) <= window_end(b))

/* The sets in which the two phases are counted. */
#ifdef UNION_MAJORITY /* While the window holds slots of both sets, those sets count as one. */
#define phase2_set(b, s) (C(b, executed[b] + 1) | C(b, executed[b] + ALPHA))
#else
#define phase2_set(b, s) C(b, s)
#endif
#ifdef OLD_EPOCH_PHASE1 /* Whoever promised for the slot before is not asked again. */
#define phase1_set(b, s) C(b, (s) - 1)
#else
#define phase1_set(b, s) phase2_set(b, s)
#endif

/* Whom ballot b prepares: the voters of its window. As the window goes on, new members come in. */
#define asked_for(b, s) (in_window(b, s) -> phase1_set(b, s) : 0)
#define asked(b)                                                                                   \
    (asked_for(b, executed[b] + 1) | asked_for(b, executed[b] + 2) | asked_for(b, executed[b] + 3))

/* Who has promised a ballot above b. */
#define above(b)                                                                                   \
    (((b) + 1 < BALLOTS -> promised((b) + 1) : 0) | ((b) + 2 < BALLOTS -> promised((b) + 2) : 0))
#ifdef NO_PROMISE_CHECK
#define refuses_to_accept(b) 0
#else
#define refuses_to_accept(b) above(b)
#endif

/* Who has reported on slot s at ballot b. A member that cut the slot says "known chosen", which is
 * no report on what it accepted there. */
#if !defined(CUTS)
#define reported(b, s) (promised(b) & phase1_set(b, s))
#define silent(b, s) 0
#elif defined(TRUNCATED_AS_NONE) /* It says "none". */
#define reported(b, s) (promised(b) & phase1_set(b, s))
#define silent(b, s) ((s) == 1 -> promised_after_cut(b) : 0)
#else
#define reported(b, s) (promised(b) & phase1_set(b, s) & ~((s) == 1 -> promised_after_cut(b) : 0))
#define silent(b, s) 0
#endif

/* Who reported that it accepted in s at the ballot `below` b, and what was proposed there. */
#define told(b, s, below)                                                                          \
    ((b) >= (below) -> reported(b, s) & accepted((b) - (below), s) & ~silent(b, s) : 0)
#define told_value(b, s, below) ((b) >= (below) -> proposed((b) - (below), s) : 0)

/* Ballot b may propose x in slot s: by some majority that reported, x is the value of the highest
 * ballot reported, or no value is. With up to two ballots below b, three cases. (A majority whose
 * highest report is at c exists if those whose own highest is at most c are one, and one of them
 * reported c.) */
#define free(b, s)                                                                                 \
    majority(reported(b, s) & ~told(b, s, 1) & ~told(b, s, 2), phase1_set(b, s))
#define bound_by_1(b, s, x)                                                                        \
    (told_value(b, s, 1) == x && told(b, s, 1) != 0 && majority(reported(b, s), phase1_set(b, s)))
#define bound_by_2(b, s, x)                                                                        \
    (told_value(b, s, 2) == x && (told(b, s, 2) & ~told(b, s, 1)) != 0 &&                          \
     majority(reported(b, s) & ~told(b, s, 1), phase1_set(b, s)))
#if defined(IGNORED_REPORT)
#define may_propose(b, s, x) majority(reported(b, s), phase1_set(b, s))
#elif defined(ANY_REPORT) /* Of two values reported either may be taken. */
#define may_propose(b, s, x)                                                                       \
    (free(b, s) || bound_by_1(b, s, x) ||                                                          \
     (told_value(b, s, 2) == x && (told(b, s, 2) & ~told(b, s, 1)) != 0 &&                         \
      majority(reported(b, s), phase1_set(b, s))))
#else
#define may_propose(b, s, x) (free(b, s) || bound_by_1(b, s, x) || bound_by_2(b, s, x))
#endif

/* ---- What must hold -------------------------------------------------------------------------- */

/* The true C(s), once everything up to s - ALPHA is chosen. */
#define true_C_known(s)                                                                            \
    ((s) <= ALPHA || ((s) == ALPHA + 1 && chosen[1] != 0) ||                                       \
     ((s) == ALPHA + 2 && chosen[1] != 0 && chosen[2] != 0))
#define true_moved(s)                                                                              \
    (((s) > ALPHA && chosen[1] == change) ^ ((s) > ALPHA + 1 && chosen[2] == change))
#define true_C(s) (true_moved(s) -> NEW : OLD)

/* A run that `check` wants to see: a value is chosen by the new set at a later ballot than one at
 * which a member of that set had accepted it already. */
#ifdef REACH_NEW_SET
#define not_the_goal(b, s) (!(true_moved(s) && (b) > 0 && (accepted((b) - 1, s) & NEW) != 0))
#else
#define not_the_goal(b, s) true
#endif

/* One value per slot, whatever anybody believes. Votes cast before C(s) was known count, too. */
inline judge() {
    i = 1;
    do
    :: i <= SLOTS && true_C_known(i) ->
        j = 0;
        do
        :: j < BALLOTS ->
            if
            :: proposed(j, i) != 0 && majority(accepted(j, i), true_C(i)) ->
                assert(chosen[i] == 0 || chosen[i] == proposed(j, i));
                assert(history[i] == 0 || history[i] == proposed(j, i));
                assert(not_the_goal(j, i));
                chosen[i] = proposed(j, i)
            :: else
            fi;
            j++
        :: else -> break
        od;
        i++
    :: else -> break
    od;
    i = 0;
    j = 0
}

/* Nobody believes a value chosen that is not. A broken rule is allowed to, until another value is
 * chosen or executed: its counterexamples are to be two values, not one believed too early. */
#if defined(OLD_EPOCH_PHASE1) || defined(UNION_MAJORITY) || defined(UNEXECUTED_SET) ||             \
    defined(BEYOND_ALPHA) || defined(IGNORED_REPORT) || defined(ANY_REPORT) ||                     \
    defined(NO_PROMISE_CHECK) || defined(TRUNCATED_AS_NONE) || defined(AMNESIA)
#define believable(s, x) (chosen[s] == 0 || chosen[s] == x)
#else
#define believable(s, x) (chosen[s] == x)
#endif

/* Ballot b executes x in its next slot. Executed prefixes agree. */
inline execute(x) {
    executed[b]++;
    printf("  ballot %d executes %e in slot %d\n", b + 1, x, executed[b]);
    assert(believable(executed[b], x));
    assert(history[executed[b]] == 0 || history[executed[b]] == x);
    history[executed[b]] = x
}

inline execute_counted() {
    do
    :: executed[b] < SLOTS && ((counted[b] >> executed[b]) & 1) ->
        v = proposed(b, executed[b] + 1);
        execute(v)
    :: else -> break
    od;
    v = 0
}

/* ---- Members that cannot be told apart ------------------------------------------------------- */

#define alike(m, n)                                                                                \
    (((OLD & bit(m)) != 0) == ((OLD & bit(n)) != 0) &&                                             \
     ((NEW & bit(m)) != 0) == ((NEW & bit(n)) != 0))
#define differ(m, n) (((row[i] & bit(m)) != 0) != ((row[i] & bit(n)) != 0))

inline sort_two(m, n) {
    if
    :: alike(m, n) ->
        i = 0;
        do
        :: i < ROWS && !differ(m, n) -> i++
        :: else -> break
        od;
        if
        :: i < ROWS && (row[i] & bit(m)) ->
            do
            :: i < ROWS ->
                row[i] = (differ(m, n) -> row[i] ^ (bit(m) | bit(n)) : row[i]);
                i++
            :: else -> break
            od
        :: else
        fi;
        i = 0
    :: else
    fi
}

/* After a step of the member in the name. Those that are alike are neighbours, at most three, and
 * all others are in order. */
#ifdef KEEP_NAMES
#define sort_1() skip
#define sort_2() skip
#define sort_3() skip
#define sort_4() skip
#define sort_5() skip
#else
inline sort_1() { sort_two(1, 2); sort_two(2, 3) }
inline sort_2() { sort_two(1, 2); sort_two(2, 3) }
inline sort_3() { sort_two(2, 3); sort_two(1, 2); sort_two(3, 4); sort_two(4, 5) }
inline sort_4() { sort_two(3, 4); sort_two(4, 5) }
inline sort_5() { sort_two(4, 5); sort_two(3, 4) }
#endif

/* ---- Steps ----------------------------------------------------------------------------------- */

#define PREPARE(m)                                                                                 \
    :: d_step {                                                                                    \
        !((promised(b) | above(b)) & bit(m)) && (asked(b) & bit(m)) ->                             \
        printf("  %d promises ballot %d\n", m, b + 1);                                             \
        promise(m);                                                                                \
        sort_##m()                                                                                 \
    }

inline promise(m) {
    promised(b) = promised(b) | bit(m);
    promised_after_cut(b) = promised_after_cut(b) | (has_cut & bit(m))
}

/* Slot by slot. */
#define PROPOSE(s, x)                                                                              \
    :: d_step {                                                                                    \
        proposed(b, s) == 0 && in_window(b, s) &&                                                  \
        (s == 1 || executed[b] >= s - 1 || proposed(b, s - 1) != 0) && may_propose(b, s, x) ->     \
        printf("  ballot %d proposes %e in slot %d\n", b + 1, x, s);                               \
        proposed(b, s) = x                                                                         \
    }

#define ACCEPT(s, m)                                                                               \
    :: d_step {                                                                                    \
        proposed(b, s) != 0 && !((accepted(b, s) | refuses_to_accept(b)) & bit(m)) &&              \
        (phase2_set(b, s) & bit(m)) ->                                                             \
        printf("  %d accepts ballot %d in slot %d\n", m, b + 1, s);                                \
        accepted(b, s) = accepted(b, s) | bit(m);                                                  \
        if                                                                                         \
        :: ((promised(b) | above(b)) & bit(m)) == 0 -> promise(m)                                  \
        :: else                                                                                    \
        fi;                                                                                        \
        judge();                                                                                   \
        if                                                                                         \
        :: majority(accepted(b, s), phase2_set(b, s)) ->                                           \
            counted[b] = counted[b] | bit(s);                                                      \
            execute_counted()                                                                      \
        :: else                                                                                    \
        fi;                                                                                        \
        sort_##m()                                                                                 \
    }

#define LEARN                                                                                      \
    :: d_step {                                                                                    \
        executed[b] < SLOTS - ALPHA && chosen[executed[b] + 1] != 0 ->                             \
        v = chosen[executed[b] + 1];                                                               \
        execute(v);                                                                                \
        execute_counted()                                                                          \
    }

/* Only what is chosen, and executed by the member, is cut. */
#define CUT(m)                                                                                     \
    :: d_step {                                                                                    \
        chosen[1] != 0 && !(has_cut & bit(m)) ->                                                   \
        printf("  %d cuts slot 1 from its log\n", m);                                              \
        has_cut = has_cut | bit(m);                                                                \
        sort_##m()                                                                                 \
    }

/* A member that accepted something in slot 1. What it said is forgotten with it, also where it was
 * heard: fewer runs than there are, but each is one. */
#define FORGET(m)                                                                                  \
    :: d_step {                                                                                    \
        !forgot && ((accepted(0, 1) | accepted(1, 1)) & bit(m)) ->                                 \
        printf("  %d restarts with an empty disk\n", m);                                           \
        forgot = true;                                                                             \
        for (i : 0 .. ROWS - 1) { row[i] = row[i] & ~bit(m) };                                     \
        i = 0;                                                                                     \
        sort_##m()                                                                                 \
    }

#define FOR_EACH_MEMBER(STEP) STEP(1) STEP(2) STEP(3) STEP(4) STEP(5)
#define SLOT(s)                                                                                    \
    PROPOSE(s, noop) PROPOSE(s, change)                                                            \
    ACCEPT(s, 1) ACCEPT(s, 2) ACCEPT(s, 3) ACCEPT(s, 4) ACCEPT(s, 5)

active [BALLOTS] proctype leader() {
end:
    do
    FOR_EACH_MEMBER(PREPARE)
    SLOT(1)
    SLOT(2)
#if SLOTS >= 3
    SLOT(3)
#endif
#if SLOTS >= 4
    SLOT(4)
#endif
    LEARN
    od
}

#if defined(CUTS) || defined(AMNESIA)
active proctype disks() {
end:
    do
#ifdef CUTS
    FOR_EACH_MEMBER(CUT)
#endif
#ifdef AMNESIA
    FOR_EACH_MEMBER(FORGET)
#endif
    od
}
#endif
