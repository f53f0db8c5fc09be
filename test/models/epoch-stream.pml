/*
 * The epochs of a channel over an ordered stream, as src/channel/epoch-keeper.ts has them: an initiator (0) that
 * offers, a responder (1) that answers and may ask. The wire loses, doubles and reorders records, as much as
 * FAULTS says. A thief who knows the keys of the running epoch, but no message key, puts FORGERIES records of
 * his own in the place of others. Both sides may begin a change whenever the code may. One tick is 18 s.
 *
 * Safety (assertions):  one key for one epoch number; each direction switches once, by one; data arrive once, in
 *                       order and all of them: at the next, at each change of epoch and (-DCLOSES, where sides may
 *                       end the channel) at the end it is seen when one is missing, thief or not; no data under a
 *                       key that the peer has not signed; nothing sent or taken once the epoch in use is 90 s old.
 * Progress (-DTIMELY):  without faults, and with a wire faster than the clock, no side ever closes (assertion)
 *                       and every epoch is reached (never claim "progress").
 * End (claim "ended"):  whatever the wire does, each side comes to the last epoch or closes.
 *
 * Mutants, each a guard taken away (or two that each suffice, NO_COUNTER with NO_NUMBER, NO_COUNT with
 * NO_BATCHES): NO_SIGNATURE, SIGNATURE_WITHOUT_TRANSCRIPT, SWITCH_BEFORE_VERIFY,
 * DATA_OPENS_EPOCH, LATE_CLOCK, NO_LIMIT, NO_COUNTER, NO_COUNT, NO_NUMBER, NO_BATCHES, UNSIGNED_END,
 * OFFER_ON_OFFER.
 */
#ifndef EPOCHS
#define EPOCHS 2
#endif
#ifndef FAULTS
#define FAULTS 2
#endif
#ifndef FORGERIES
#define FORGERIES 1
#endif
#ifndef MESSAGES
#define MESSAGES 1        /* data records per side and epoch */
#endif

#define I 0
#define R 1
#define DUE 3             /* 54 s: the earliest moment of the last tenth */
#define LIMIT 5           /* 90 s */

/* A key is known by the two ephemerals it comes from. The thief's ephemeral is THIEF. */
#define THIEF 7
#define KEY(x, y) ((x) * 8 + (y))
#define FIRST_KEY KEY(6, 6)
#define STOLEN(k) ((k) / 8 == THIEF || (k) % 8 == THIEF)

/* What a signature covers: the key it is for, or how much was sent before. */
#define UNSIGNED 0
#define SWITCHED_BY(key) (64 + (key))
#define DATA_BY(number) (128 + (number))
#define END_BY(number) (192 + (number))
/* What a switch says: records in the epoch that ends, of which there is at least one, and data in the session. */
#define SENT(records, number) ((records) * 8 + (number))
#define ELSEWHERE 255     /* by the peer, for the same number, in another session */

mtype = { data, request, offer, answer, confirmation, switched, ending };

/* type, epoch, counter, key it is sealed under, content, signature */
chan wire[2] = [7] of { mtype, byte, byte, byte, byte, byte };

bool open[2] = true;
byte sEpoch[2], sKey[2], sCount[2], sAge[2];
byte rEpoch[2], rKey[2], rCount[2], rAge[2];
bool coming[2];           /* keys that the peer may switch to */
byte comingKey[2], comingAge[2];
byte offered;             /* at the initiator: its ephemeral, while an offer is under way */
bool asked;               /* at the responder */
byte drawn;               /* ephemerals so far */
byte said[2], heard[2];   /* numbers of data records */
byte left[2];             /* data that may still be sent in this epoch */
byte faults = FAULTS;
byte forgeries = FORGERIES;
byte ended[2];            /* records sent in the epoch before */
byte saidBefore[2];       /* ghost: data sent when sending switched */
byte keyOf[EPOCHS + 1];   /* ghost: the key under which records of an epoch were sealed or opened */

#define settled(s) (!coming[s] && (s == R || offered == 0))
#define finished(s) (sEpoch[s] == EPOCHS && rEpoch[s] == EPOCHS)
#define oldest(s) (rEpoch[s] < sEpoch[s] -> rAge[s] : sAge[s])
#define overdue(s) (oldest(s) >= LIMIT && !finished(s))
#define quiet (len(wire[I]) == 0 && len(wire[R]) == 0)
#define room(s) (len(wire[s]) < 7)
#ifdef TIMELY
#define mayBegin(s) (sAge[s] >= DUE)
#define timePasses (quiet && settled(I) && settled(R) && !asked && (sAge[I] <= DUE || sEpoch[I] == EPOCHS))
#else
#define mayBegin(s) true
#define timePasses (!(open[I] && overdue(I)) && !(open[R] && overdue(R)))
#endif
#define over(s) (!open[s] || finished(s))

inline closeSide(s) {
#ifdef TIMELY
  assert(false);
#endif
  open[s] = false
}

/* What the code does first and last in every step. */
inline checkTime(s) {
  if
#ifndef NO_LIMIT
  :: open[s] && overdue(s) -> closeSide(s)
#endif
  :: else
  fi
}

inline useKey(s, epoch, key) {
  assert(keyOf[epoch] == 0 || keyOf[epoch] == key);
  keyOf[epoch] = key
}

inline seal(s, type, content, signature) {
  assert(!overdue(s));
  if
  :: type == confirmation || STOLEN(sKey[s])
  :: else -> useKey(s, sEpoch[s], sKey[s])
  fi;
  wire[s]!type, sEpoch[s], sCount[s], sKey[s], content, signature;
  sCount[s]++
}

inline begin(s) {
  if
  :: s == I -> drawn++; offered = drawn; seal(I, offer, offered, UNSIGNED)
  :: else -> asked = true; seal(R, request, 0, UNSIGNED)
  fi
}

inline switchSending(s, key) {
  assert(sEpoch[s] < EPOCHS);
  ended[s] = sCount[s];
  saidBefore[s] = said[s];
  sEpoch[s]++;
  sKey[s] = key;
  sCount[s] = 0;
  sAge[s] = 0;
  left[s] = MESSAGES
}

inline settle(s) {
  assert(heard[s] == saidBefore[1 - s]);
  rEpoch[s]++;
  rKey[s] = comingKey[s];
  rCount[s] = 1;
  rAge[s] = comingAge[s];
  coming[s] = false;
  asked = (s == R -> false : asked);
  assert(sEpoch[s] == rEpoch[s] && sKey[s] == rKey[s])
}

#ifdef NO_SIGNATURE
#define signedBy(signature, key) true
#else
#ifdef SIGNATURE_WITHOUT_TRANSCRIPT
#define signedBy(signature, key) ((signature) != UNSIGNED)
#else
#define signedBy(signature, key) ((signature) == (key))
#endif
#endif

#ifdef NO_COUNT
#define recordsArrived(s, sent) true
#else
#define recordsArrived(s, sent) ((sent) / 8 == rCount[s])
#endif
#ifdef NO_BATCHES
#define allArrived(s, sent) recordsArrived(s, sent)
#else
#define allArrived(s, sent) (recordsArrived(s, sent) && (sent) % 8 == heard[s])
#endif

#ifdef NO_NUMBER
#define isNextDatum(s, number, signature) ((signature) == DATA_BY(number))
#else
#define isNextDatum(s, number, signature) ((signature) == DATA_BY(number) && (number) == heard[s])
#endif

#ifdef UNSIGNED_END
#define isEnd(s, number, signature) true
#else
#define isEnd(s, number, signature) ((signature) == END_BY(number) && (number) == heard[s])
#endif

inline receiveOffer(x) {
  if
  :: !settled(R) || rEpoch[R] == EPOCHS -> closeSide(R)
  :: else ->
    drawn++;
    coming[R] = true;
    comingKey[R] = KEY(x, drawn);
    comingAge[R] = 0;
    seal(R, answer, drawn, comingKey[R]);
#ifdef SWITCH_BEFORE_VERIFY
    switchSending(R, comingKey[R])
#endif
  fi
}

inline receiveAnswer(y, signature) {
  if
  :: offered == 0 -> closeSide(I)
  :: else ->
    if
    :: signedBy(signature, KEY(offered, y)) ->
      switchSending(I, KEY(offered, y));
      offered = 0;
      coming[I] = true;
      comingKey[I] = sKey[I];
      comingAge[I] = 0;
      seal(I, confirmation, SENT(ended[I], said[I]), sKey[I])
    :: else -> closeSide(I)
    fi
  fi
}

inline receiveConfirmation(sent, signature) {
  if
  :: !coming[R] || !signedBy(signature, comingKey[R]) || !allArrived(R, sent) -> closeSide(R)
  :: else ->
#ifndef SWITCH_BEFORE_VERIFY
    switchSending(R, comingKey[R]);
#endif
    sAge[R] = comingAge[R];
    settle(R);
    seal(R, switched, SENT(ended[R], said[R]), SWITCHED_BY(sKey[R]))
  fi
}

inline receiveSwitched(sent, signature) {
  if
  :: !coming[I] || signature != SWITCHED_BY(comingKey[I]) || !allArrived(I, sent) -> closeSide(I)
  :: else -> settle(I)
  fi
}

inline receiveData(s, number, signature) {
  if
  :: !isNextDatum(s, number, signature) -> closeSide(s)
  :: else ->
    assert(number == heard[s]);
    heard[s] = number + 1
  fi
}

/* Whoever takes an end as agreed has everything. */
inline receiveEnd(s, number, signature) {
  if
  :: isEnd(s, number, signature) -> assert(heard[s] == said[1 - s]); open[s] = false
  :: else -> closeSide(s)
  fi
}

#ifdef OFFER_ON_OFFER
#define mayFollowRequest !coming[I]
#else
#define mayFollowRequest settled(I)
#endif

/* Opens one record and does what it says. */
inline receive(s, type, epoch, counter, key, content, signature) {
  isNext = (epoch == rEpoch[s] && counter == rCount[s] && key == rKey[s]);
#ifdef NO_COUNTER
  isNext = (epoch == rEpoch[s] && key == rKey[s]);
#endif
  isSwitch = (coming[s] && epoch == rEpoch[s] + 1 && counter == 0 && key == comingKey[s]
    && type == (s == I -> switched : confirmation));
#ifdef DATA_OPENS_EPOCH
  isSwitch = (coming[s] && epoch == rEpoch[s] + 1 && key == comingKey[s]);
#endif
  if
  :: !isNext && !isSwitch -> closeSide(s)
  :: else ->
    assert(!overdue(s));
    if
    :: isNext -> rCount[s]++
    :: else -> assert(type != data)              /* of a peer that has not proven itself */
    fi;
    if
    :: type == data -> receiveData(s, content, signature)
    :: type == request && s == I ->
      if
      :: mayFollowRequest && sEpoch[I] < EPOCHS -> begin(I)
      :: else
      fi
    :: type == offer && s == R -> receiveOffer(content)
    :: type == answer && s == I -> receiveAnswer(content, signature)
    :: type == confirmation && s == R -> receiveConfirmation(content, signature)
    :: type == switched && s == I -> receiveSwitched(content, signature)
    :: type == ending -> receiveEnd(s, content, signature)
    :: else -> closeSide(s)
    fi
  fi
}

/*
 * What may befall a record on the wire: it arrives, is lost, arrives now and once more, or is overtaken; or it is
 * the thief's. He knows the keys of the record that he replaces, so also their psk, and any signature made elsewhere.
 * All this is decided when the record arrives, for until then nobody sees it.
 */
inline travel(s) {
  arrives = true;
  if
  :: true
  :: faults > 0 -> faults--; arrives = false
  :: faults > 0 && room(1 - s) -> faults--; wire[1 - s]!type, epoch, counter, key, content, signature
  :: faults > 0 && len(wire[1 - s]) > 0 && room(1 - s) -> faults--; arrives = false;
    wire[1 - s]!type, epoch, counter, key, content, signature
  :: forgeries > 0 ->
    forgeries--;
    if :: type = data; :: type = request; :: type = offer; :: type = answer; :: type = confirmation;
       :: type = switched; :: type = ending
    fi;
    if :: signature = UNSIGNED; :: signature = ELSEWHERE; :: true fi;
    content = THIEF
  fi
}

proctype side(byte s) {
  mtype type;
  byte epoch, counter, key, content, signature;
  bool isNext, isSwitch, arrives;
end:
  do
  :: atomic { open[s] && overdue(s) -> checkTime(s) }
  :: atomic { wire[1 - s]?type, epoch, counter, key, content, signature ->
      if
      :: !open[s]
      :: else ->
        travel(s);
#ifndef LATE_CLOCK
        checkTime(s);
#endif
        if
        :: open[s] && arrives -> receive(s, type, epoch, counter, key, content, signature); checkTime(s)
        :: else
        fi
      fi;
      epoch = 0; counter = 0; key = 0; content = 0; signature = 0; isNext = false; isSwitch = false;
      arrives = false
    }
  :: atomic { open[s] && !overdue(s) && settled(s) && sEpoch[s] < EPOCHS && !(s == R && asked) && mayBegin(s) &&
      room(s) -> begin(s)
    }
  :: atomic { open[s] && !overdue(s) && left[s] > 0 && room(s) ->
      assert(!STOLEN(sKey[s]));
      left[s]--;
      seal(s, data, said[s], DATA_BY(said[s]));
      said[s]++
    }
#ifdef CLOSES
  :: atomic { open[s] && !overdue(s) && room(s) ->
      assert(!STOLEN(sKey[s]));
      seal(s, ending, said[s], END_BY(said[s]));
      open[s] = false
    }
#endif
  od
}

/* Time passes for all keys alike. Nobody needs ages beyond the limit. */
inline older(age) { age = (age < LIMIT -> age + 1 : age) }

proctype clock() {
end:
  do
  :: atomic { (!over(I) || !over(R)) && timePasses ->
      older(sAge[I]); older(rAge[I]); older(sAge[R]); older(rAge[R]);
      if :: coming[I] -> older(comingAge[I]) :: else fi;
      if :: coming[R] -> older(comingAge[R]) :: else fi
    }
  od
}

init {
  atomic {
    byte s;
    for (s : 0 .. 1) {
      sKey[s] = FIRST_KEY;
      rKey[s] = FIRST_KEY;
      left[s] = MESSAGES
    }
    keyOf[0] = FIRST_KEY;
    run side(I); run side(R); run clock()
  }
}

ltl ended { <> (over(I) && over(R)) }
