/*
 * One session over several connections, as src/channel/lasting has it: two sides, initiator (0) and responder (1), send
 * numbered records and keep them. The wire is cut, with what is on it or without, as often as FAULTS says; a side that
 * notices dials again (-DBOTH: either side, else the initiator) and resumes by three messages; the other goes on reading
 * its old connection until the third. Everything may be late by any time, also what a connection that is given up still
 * carries. A thief has THEFTS acts: he opens a connection with a resumption that he has heard, confirms with one that he
 * has heard, or answers a dialler with an answer that he has heard. Of macs he can make none; each covers the messages
 * before it, which are known by the connections on which their nonces were drawn. Keys and epochs do not change here, and
 * nobody puts anything else on a connection: that ends a session, with resumptions as without.
 *
 * Safety (assertions):  records are taken once, in order, none missing, and no resumption ends a session; nobody goes on
 *                       over a connection whose other end is not the peer's, or by an answer that is not the peer's to
 *                       this attempt; without BOTH each dial has a fault of its own, or an answer of the thief's.
 * End (claim "whole"):  without BOTH, once the faults are spent, everything said is heard. Where both dial, each can keep
 *                       giving up what the other has just begun: waits drawn at random end that, not these rules.
 *
 * Mutants, each a guard taken away: SWITCH_AT_RESUME, OLD_CONFIRMATION, OLD_ANSWER, NO_PLACE, NO_PASS_OVER, NO_COUNT.
 */
#ifndef FAULTS
#define FAULTS 2
#endif
#ifndef THEFTS
#define THEFTS 0
#endif
#ifndef MESSAGES
#define MESSAGES 2
#endif
#ifndef CONNECTIONS
#ifdef BOTH
#define CONNECTIONS (3 + FAULTS + THEFTS)
#else
#define CONNECTIONS (1 + FAULTS + 2 * THEFTS)
#endif
#endif

#define I 0
#define R 1
#define THIEF 2
#define NONE 255

#ifdef BOTH
#define mayDial(s) (connections < CONNECTIONS)
#else
#define mayDial(s) ((s) == I)
#endif

#define ROOM (MESSAGES + 2)
#define hasRoom(on, from) (len(WIRE(on, from)) < ROOM)

mtype = { resume, resumed, resumption, datum };

/* What side s writes on connection c. resume: generation, received, attempt. resumed: received, attempt, answer.
   resumption: attempt, answer. datum: number. An attempt or answer is the connection on which its nonce was drawn. */
#define WIRE(c, s) wire[2 * (c) + (s)]
chan wire[2 * CONNECTIONS] = [ROOM] of { mtype, byte, byte, byte };

byte connections = 1;
byte dialler[CONNECTIONS];
bool shut[CONNECTIONS];             /* what is on the wire may still arrive, and nothing more */
byte said[2], heard[2];
byte carrier[2];                    /* in use */
byte attempt[2] = NONE;             /* dialled, and not answered */
byte generation[2], attempted[2], by[2];
bool atHead[2];                     /* of a new connection */
byte faults = FAULTS, thefts = THEFTS;
byte dials;

/* What the thief has heard, by attempt. */
byte heardGeneration[CONNECTIONS], heardReceived[CONNECTIONS], heardAnswer[CONNECTIONS];
bool isHeard[CONNECTIONS], isAnswerHeard[CONNECTIONS], isConfirmationHeard[CONNECTIONS];

#ifdef NO_PLACE
#define isLater(itsG, itsD, me) true
#else
#define isLater(itsG, itsD, me) ((itsG) > generation[me] || ((itsG) == generation[me] && (itsD) == I && by[me] == R))
#endif

inline put(on, from, type, one, two, three) {
  if
  :: shut[on]
  :: else -> assert(hasRoom(on, from)); WIRE(on, from)!type, one, two, three
  fi
}

inline switchTo(me, next, itsGeneration, itsDialler, count) {
  assert(dialler[next] != THIEF);
  if :: carrier[me] != NONE -> shut[carrier[me]] = true :: else fi;
  if :: attempt[me] != NONE && attempt[me] != next -> shut[attempt[me]] = true :: else fi;
  attempt[me] = NONE;
  carrier[me] = next;
  generation[me] = itsGeneration;
  by[me] = itsDialler;
  atHead[me] = true;
#ifdef NO_COUNT
  n = said[me];
#else
  n = count;
#endif
  do
  :: n < said[me] -> put(next, me, datum, n, 0, 0); n++
  :: else -> break
  od;
  n = 0
}

/* The part of who was dialled, for one connection. */
proctype door(byte s, c) {
  byte g, count, which, answer, n;
  byte d = 1 - s;
end:
  if
  :: atomic { WIRE(c, 1 - s)?resume, g, count, which ->
      if
      :: isLater(g, d, s) ->
        put(c, s, resumed, heard[s], which, c);
        isAnswerHeard[which] = true; heardAnswer[which] = heard[s];
#ifdef SWITCH_AT_RESUME
        switchTo(s, c, g, d, count)
#endif
      :: else -> shut[c] = true; goto over
      fi
    }
  :: atomic { shut[c] && len(WIRE(c, 1 - s)) == 0 -> goto over }
  fi;
#ifndef SWITCH_AT_RESUME
  if
  :: atomic { WIRE(c, 1 - s)?[resumption, _, _, _] -> WIRE(c, 1 - s)?resumption, n, answer, _;
      if
#ifdef OLD_CONFIRMATION
      :: n == which && isLater(g, d, s) -> n = 0; switchTo(s, c, g, d, count)
#else
      :: n == which && answer == c && isLater(g, d, s) -> n = 0; switchTo(s, c, g, d, count)
#endif
      :: else -> n = 0; shut[c] = true
      fi
    }
  :: atomic { shut[c] && len(WIRE(c, 1 - s)) == 0 -> skip }
  :: atomic { dialler[c] == THIEF -> shut[c] = true }       /* after five seconds */
  fi;
#endif
over:
  atomic { g = 0; count = 0; which = 0; answer = 0 }
}

proctype side(byte s) {
  byte n, number, which, answer;
end:
  do
  :: atomic { said[s] < MESSAGES ->
      if :: carrier[s] != NONE -> put(carrier[s], s, datum, said[s], 0, 0) :: else fi;
      said[s]++
    }
  :: atomic { carrier[s] != NONE && WIRE(carrier[s], 1 - s)?[datum, _, _, _] ->
      WIRE(carrier[s], 1 - s)?datum, number, _, _;
      if
#ifndef NO_PASS_OVER
      :: atHead[s] && number < heard[s]
#endif
      :: else -> atHead[s] = false; assert(number == heard[s]); heard[s]++
      fi;
      number = 0
    }
  :: atomic { carrier[s] != NONE && shut[carrier[s]] && len(WIRE(carrier[s], 1 - s)) == 0 -> carrier[s] = NONE }
  :: atomic { carrier[s] == NONE && attempt[s] == NONE && mayDial(s) ->
      assert(connections < CONNECTIONS);
      n = connections;
      connections++;
      dials++;
#ifndef BOTH
      assert(dials <= FAULTS - faults + THEFTS - thefts);
#endif
      dialler[n] = s;
      attempted[s] = (attempted[s] > generation[s] -> attempted[s] : generation[s]) + 1;
      attempt[s] = n;
      put(n, s, resume, attempted[s], heard[s], n);
      isHeard[n] = true; heardGeneration[n] = attempted[s]; heardReceived[n] = heard[s];
      run door(1 - s, n);
      n = 0
    }
  :: atomic { attempt[s] != NONE && WIRE(attempt[s], 1 - s)?[resumed, _, _, _] ->
      WIRE(attempt[s], 1 - s)?resumed, number, which, answer;
      if
#ifndef OLD_ANSWER
      :: which != attempt[s] -> shut[attempt[s]] = true
#endif
      :: else ->
        if
        :: isLater(attempted[s], s, s) ->
          assert(isAnswerHeard[attempt[s]]);
          which = attempt[s];
          put(which, s, resumption, which, answer, 0);
          isConfirmationHeard[which] = true;
          switchTo(s, which, attempted[s], s, number)
        :: else -> shut[attempt[s]] = true
        fi
      fi;
      attempt[s] = NONE;
      number = 0; which = 0; answer = 0
    }
  :: atomic { attempt[s] != NONE && shut[attempt[s]] && len(WIRE(attempt[s], 1 - s)) == 0 -> attempt[s] = NONE }
  od
}

/* A cut takes what is on the wire with it, in either direction, or leaves it to arrive. */
proctype weather() {
  byte c;
  chan lost;
end:
  do
  :: atomic { faults > 0 -> c = 0;
      do :: c + 1 < connections -> c++ :: break od;
      if
      :: shut[c] || dialler[c] == THIEF
      :: else -> faults--; shut[c] = true;
        if :: do :: nempty(WIRE(c, I)) -> WIRE(c, I)?_, _, _, _ :: empty(WIRE(c, I)) -> break od :: true fi;
        if :: do :: nempty(WIRE(c, R)) -> WIRE(c, R)?_, _, _, _ :: empty(WIRE(c, R)) -> break od :: true fi
      fi;
      c = 0
    }
  od
}

/* He makes up his mind once for each act: what he has heard, and on which connection he will use it. */
proctype thief() {
  byte a, c;
end:
  do
  :: thefts > 0 && connections > 1 ->
    atomic {
      thefts--;
      select(a : 1 .. connections - 1);
      select(c : 1 .. connections - 1)
    };
end_waiting:
    if
    :: atomic { isHeard[a] && connections < CONNECTIONS ->
        c = connections; connections++;
        dialler[c] = THIEF;
        put(c, dialler[a], resume, heardGeneration[a], heardReceived[a], a);
        run door(1 - dialler[a], c)
      }
    :: atomic { isConfirmationHeard[a] && dialler[c] == THIEF && hasRoom(c, dialler[a]) ->
        put(c, dialler[a], resumption, a, a, 0)
      }
    :: atomic { a != c && isAnswerHeard[a] && dialler[c] == dialler[a] && attempt[dialler[c]] == c &&
        len(WIRE(c, 1 - dialler[c])) == 0 ->
        put(c, 1 - dialler[c], resumed, heardAnswer[a], a, a)
      }
    fi;
    atomic { a = 0; c = 0 }
  od
}

init {
  atomic {
    carrier[I] = 0; carrier[R] = 0;
    run side(I); run side(R); run weather();
#if THEFTS > 0
    run thief()
#endif
  }
}

ltl whole { <> (heard[I] == MESSAGES && heard[R] == MESSAGES) }
