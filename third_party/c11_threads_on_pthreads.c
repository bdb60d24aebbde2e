// C11's threads as calls of pthreads, for the thread sanitizer: it knows nothing of thrd_create, which librdkafka
// calls, and crashes in such a thread. In an executable these definitions go before the C library's, for its libraries too.
// glibc's types of both families have one layout. cnd_timedwait is in processor/kafka/librdkafka/steady_waits.cc.
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <threads.h>
#include <time.h>

_Static_assert(sizeof(thrd_t) == sizeof(pthread_t), "thread handles are the same");
_Static_assert(sizeof(mtx_t) == sizeof(pthread_mutex_t), "mutexes are the same");
_Static_assert(sizeof(cnd_t) == sizeof(pthread_cond_t), "condition variables are the same");
_Static_assert(sizeof(once_flag) == sizeof(pthread_once_t), "once flags are the same");

static int Result(int error) {
  switch (error) {
    case 0:
      return thrd_success;
    case ENOMEM:
      return thrd_nomem;
    case ETIMEDOUT:
      return thrd_timedout;
    case EBUSY:
      return thrd_busy;
    default:
      return thrd_error;
  }
}

struct Start {
  thrd_start_t function;
  void* argument;
};

static void* Run(void* argument) {
  const struct Start start = *(struct Start*)argument;
  free(argument);
  return (void*)(intptr_t)start.function(start.argument);
}

int thrd_create(thrd_t* thread, thrd_start_t function, void* argument) {
  struct Start* start = malloc(sizeof(*start));
  if (start == NULL) return thrd_nomem;
  start->function = function;
  start->argument = argument;
  const int error = pthread_create((pthread_t*)thread, NULL, Run, start);
  if (error != 0) free(start);
  return Result(error);
}

int thrd_join(thrd_t thread, int* result) {
  void* value = NULL;
  const int error = pthread_join((pthread_t)thread, &value);
  if (error == 0 && result != NULL) *result = (int)(intptr_t)value;
  return Result(error);
}

int thrd_detach(thrd_t thread) { return Result(pthread_detach((pthread_t)thread)); }

void call_once(once_flag* flag, void (*function)(void)) { pthread_once((pthread_once_t*)flag, function); }

int mtx_init(mtx_t* mutex, int type) {
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  if (type & mtx_recursive) pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
  const int error = pthread_mutex_init((pthread_mutex_t*)mutex, &attributes);
  pthread_mutexattr_destroy(&attributes);
  return Result(error);
}

void mtx_destroy(mtx_t* mutex) { pthread_mutex_destroy((pthread_mutex_t*)mutex); }
int mtx_lock(mtx_t* mutex) { return Result(pthread_mutex_lock((pthread_mutex_t*)mutex)); }
int mtx_trylock(mtx_t* mutex) { return Result(pthread_mutex_trylock((pthread_mutex_t*)mutex)); }
int mtx_unlock(mtx_t* mutex) { return Result(pthread_mutex_unlock((pthread_mutex_t*)mutex)); }

int cnd_init(cnd_t* condition) { return Result(pthread_cond_init((pthread_cond_t*)condition, NULL)); }
void cnd_destroy(cnd_t* condition) { pthread_cond_destroy((pthread_cond_t*)condition); }
int cnd_signal(cnd_t* condition) { return Result(pthread_cond_signal((pthread_cond_t*)condition)); }
int cnd_broadcast(cnd_t* condition) { return Result(pthread_cond_broadcast((pthread_cond_t*)condition)); }

int cnd_wait(cnd_t* condition, mtx_t* mutex) {
  return Result(pthread_cond_wait((pthread_cond_t*)condition, (pthread_mutex_t*)mutex));
}
