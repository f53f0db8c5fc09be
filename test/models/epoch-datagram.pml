/*
 * The epochs of a channel over datagrams, which are lost, doubled and reordered: the machine is
 * src/channel/datagram/epochs.ts, whose comments name what stands here. An initiator (0)
 * offers, a responder (1) answers; either may want a change at any time. What waits for a reply is sent again,
 * byte for byte, in a record of its own. Records carry their epoch; each epoch has a window, so a copy is taken once.
 * The epoch before stays open for what is still on its way, until the next change begins or its time is over. That
 * the code repeats a confirmation beside data as well, and not only when nothing is under way, adds copies alone.
 *
 * A link loses at most LOSSES datagrams in a row (fair loss), doubles COPIES in all, and lets any overtake others.
 *
 * Safety (assertions): one key for one epoch number; each direction switches once, by one; each record is taken
 * once; no data under a key that the peer has not signed.
 * Progress (claim "changed"): under fair loss every change comes to its end on both sides.
 *
 * Mutants: FRESH_ANSWER, FRESH_OFFER, SWITCH_BEFORE_VERIFY, DATA_OPENS_EPOCH, NO_WINDOW, NO_RESEND.
 */
#ifndef EPOCHS
#define EPOCHS 2
#endif
#ifndef LOSSES
#define LOSSES 1
#endif
#ifndef COPIES
#define COPIES 1
#endif

#define I 0
#define R 1
#define FIRST_KEY 1
#define KEY(x, y) (16 + (x) * 16 + (y))

mtype = { data, request, offer, answer, confirmation, switched };

/* type, epoch, key it is sealed under, content: ephemerals, or the number of a data record */
chan link[2] = [3] of { mtype, byte, byte, byte, byte };

byte sEpoch[2], sKey[2] = FIRST_KEY;
byte rEpoch[2], rKey[2] = FIRST_KEY;
byte oldKey[2];             /* of the epoch before, while it stays open */
bool coming[2];
byte comingKey[2];
byte offered, answeredOffer, answered, drawn;
bool wanted;                /* the responder asks */
bool sent[2];               /* one data record per side and epoch */
byte taken[2];              /* ghost: bit e for the data record of epoch e */
byte losses[2], copies = COPIES;
byte keyOf[EPOCHS + 1];     /* ghost */

#define last(s) (sEpoch[s] == EPOCHS && rEpoch[s] == EPOCHS && !coming[s])
#define room(s) (len(link[s]) < 3)
#define idle(s) (len(link[s]) == 0)

inline post(s, type, epoch, key, a, b) { link[s]!type, epoch, key, a, b }

inline useKey(epoch, key) {
  assert(keyOf[epoch] == 0 || keyOf[epoch] == key);
  keyOf[epoch] = key
}

inline switchSending(s, key) {
  assert(sEpoch[s] < EPOCHS && sEpoch[s] == rEpoch[s]);
  sEpoch[s]++;
  sKey[s] = key;
  sent[s] = false;
  useKey(sEpoch[s], key)
}

inline settle(s) {
  oldKey[s] = rKey[s];
  rEpoch[s]++;
  rKey[s] = comingKey[s];
  coming[s] = false;
  wanted = (s == R -> false : wanted);
  assert(sEpoch[s] == rEpoch[s] && sKey[s] == rKey[s])
}

/* An epoch begins: what is left of the one before the running one is given up. */
inline makeOffer() {
  drawn++;
  offered = drawn;
  oldKey[I] = 0;
  post(I, offer, sEpoch[I], sKey[I], offered, 0)
}

#ifdef FRESH_ANSWER
#define sameOffer(x) false
#else
#define sameOffer(x) (coming[R] && answeredOffer == (x))
#endif

#if defined(FRESH_ANSWER) || defined(FRESH_OFFER)
#define mayAnswer (drawn < 12)
#else
#define mayAnswer !coming[R]
#endif

inline receiveOffer(epoch, x) {
  if
  :: epoch == rEpoch[R] && sameOffer(x) -> post(R, answer, epoch, rKey[R], answeredOffer, answered)
  :: epoch == rEpoch[R] && !sameOffer(x) && sEpoch[R] == rEpoch[R] && mayAnswer ->
    drawn++;
    answeredOffer = x;
    answered = drawn;
    coming[R] = true;
    comingKey[R] = KEY(x, answered);
    oldKey[R] = 0;
    post(R, answer, epoch, rKey[R], x, answered);
#ifdef SWITCH_BEFORE_VERIFY
    switchSending(R, comingKey[R])
#endif
  :: else                   /* a copy from before: no reply to it is missing */
  fi
}

inline receiveAnswer(epoch, x, y) {
  if
  :: offered != 0 && epoch == sEpoch[I] && x == offered ->
    comingKey[I] = KEY(x, y);
    coming[I] = true;
    offered = 0;
    switchSending(I, comingKey[I]);
    post(I, confirmation, sEpoch[I], sKey[I], 0, 0)
  :: else
  fi
}

inline take(s, epoch, number) {
#ifndef NO_WINDOW
  if
  :: (taken[s] >> epoch) & 1          /* its window has it */
  :: else ->
#endif
    assert(((taken[s] >> epoch) & 1) == 0);
    taken[s] = taken[s] | (1 << epoch)
#ifndef NO_WINDOW
  fi
#endif
}

#ifdef DATA_OPENS_EPOCH
#define opens(s, type) true
#else
#define opens(s, type) (s == I || type == confirmation)
#endif

inline receive(s, type, epoch, key, a, b) {
  if
  :: coming[s] && epoch == rEpoch[s] + 1 && key == comingKey[s] && opens(s, type) ->
    /* The responder has signed its answer; the initiator proves itself by its confirmation alone. */
    assert(s == I || type == confirmation);
    if
    :: s == R && sEpoch[R] == rEpoch[R] -> switchSending(R, comingKey[R])
    :: else
    fi;
    settle(s);
    if
    :: s == R -> post(R, switched, sEpoch[R], sKey[R], 0, 0)
    :: else
    fi;
    if :: type == data -> take(s, epoch, a) :: else fi
  :: epoch == rEpoch[s] && key == rKey[s] ->
    if
    :: type == data -> take(s, epoch, a)
    :: type == offer && s == R -> receiveOffer(epoch, a)
    :: type == answer && s == I -> receiveAnswer(epoch, a, b)
    :: type == confirmation && s == R -> post(R, switched, sEpoch[R], sKey[R], 0, 0)
    :: type == request && s == I && offered == 0 && !coming[I] && sEpoch[I] < EPOCHS -> makeOffer()
    :: else
    fi
  :: epoch + 1 == rEpoch[s] && oldKey[s] != 0 && key == oldKey[s] && type == data -> take(s, epoch, a)
  :: else                   /* no key for it: dropped */
  fi
}

proctype side(byte s) {
  mtype type;
  byte epoch, key, a, b;
end:
  do
  :: atomic { room(s) && len(link[1 - s]) > 0 -> link[1 - s]?type, epoch, key, a, b;
      if
      :: losses[s] = 0; receive(s, type, epoch, key, a, b)
      :: losses[s] < LOSSES -> losses[s]++
      :: copies > 0 && room(1 - s) -> copies--; losses[s] = 0; link[1 - s]!type, epoch, key, a, b;
        receive(s, type, epoch, key, a, b)
      :: copies > 0 && len(link[1 - s]) > 0 && room(1 - s) -> copies--; link[1 - s]!type, epoch, key, a, b
      fi;
      epoch = 0; key = 0; a = 0; b = 0
    }
  /* A change begins. */
  :: atomic { s == I && offered == 0 && !coming[I] && sEpoch[I] < EPOCHS && room(I) -> makeOffer() }
  :: atomic { s == R && !wanted && !coming[R] && sEpoch[R] < EPOCHS && room(R) -> wanted = true;
      post(R, request, sEpoch[R], sKey[R], 0, 0)
    }
#ifndef NO_RESEND
  /* What waits for a reply goes out again. */
#ifdef FRESH_OFFER
  :: atomic { s == I && offered != 0 && idle(I) && idle(R) && drawn < 12 -> makeOffer() }
#else
  :: atomic { s == I && offered != 0 && idle(I) && idle(R) ->
      post(I, offer, sEpoch[I], sKey[I], offered, 0)
    }
#endif
  :: atomic { s == I && coming[I] && idle(I) && idle(R) -> post(I, confirmation, sEpoch[I], sKey[I], 0, 0) }
  /* A request that meets a change under way does nothing; repeating it for ever must not stand for progress. */
  :: atomic { s == R && wanted && !coming[R] && offered == 0 && !coming[I] && idle(I) && idle(R) ->
      post(R, request, sEpoch[R], sKey[R], 0, 0)
    }
#endif
  /* What is late of the epoch before has its time, and no more. */
  :: atomic { oldKey[s] != 0 -> oldKey[s] = 0 }
  :: atomic { !sent[s] && room(s) -> sent[s] = true;
      assert(s == I || sEpoch[R] == rEpoch[R]);
      post(s, data, sEpoch[s], sKey[s], 0, 0)
    }
  od
}

init { atomic { keyOf[0] = FIRST_KEY; run side(I); run side(R) } }

ltl changed { <> (last(I) && last(R)) }
