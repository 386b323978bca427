/*
 * ridge.h: loss functions compiled by lossc.
 */

#include <stdint.h>

#ifndef LOSSC_ABI
#define LOSSC_ABI 1

/*
 * How a loss is called: fill a struct with zeros, then set the inputs and sizes; zero is the default of every other
 * field. Arrays are dense and row-major, the examples outermost. Each is aligned as its elements are; the
 * workspace may lie anywhere. No array that is written overlaps another one.
 *
 * Functions are re-entrant: they allocate nothing and keep nothing, so threads may call them at the same time with
 * outputs and workspaces of their own. They take up to 96 KiB of stack. Where the status is not LOSSC_OK nothing has
 * been written but the summary and the workspace.
 *
 * A call runs on the thread that makes it. To use several, call each part of the examples with LOSSC_SUM and an
 * upstream of 1 / weight, and add up the sums, the weights and the gradients that have no examples.
 */

/* Flags of a call. */
#define LOSSC_MEAN 0    /* gradients are those of the mean */
#define LOSSC_SUM 1     /* gradients are those of the sum: of each example's own value */
#define LOSSC_CHECKED 2 /* preds, targets and learned inputs are tested against their domains too; params always are */

/* What a call comes to. */
enum {
    LOSSC_OK = 0, /* done */
    LOSSC_CPU = 1, /* the object holds no code for the CPU that the call names */
    LOSSC_EMPTY = 2, /* there are no examples */
    LOSSC_AXIS = 3, /* an axis is too short or too long */
    LOSSC_NULL = 4, /* a required input is null */
    LOSSC_INDEX = 5, /* a label lies outside of its axis */
    LOSSC_DOMAIN = 6, /* an element lies outside of its domain */
    LOSSC_WORKSPACE = 7, /* the workspace is too small */
};

typedef struct lossc_summary {
    double sum;        /* of the values, each times its sample weight */
    double weight;     /* what the examples count for together: the mean is sum / weight */
    uint64_t argument; /* on failure: which of the struct's inputs, from 0; for LOSSC_AXIS of its extents, their number: an array is too large */
    uint64_t row;      /* on failure: the example, from 0; 0 for an input that all examples share */
    uint64_t element;  /* on failure: the place among the row's own elements, from 0 */
} lossc_summary;

#elif LOSSC_ABI != 1
#error "headers of two versions of lossc do not go together"
#endif

#ifdef __cplusplus
extern "C" {
#endif

#ifndef lossc_ridge_f32_DECLARED
#define lossc_ridge_f32_DECLARED

/*
 * Ridge regression, the whole objective: mean half squared error of the linear model `x w + bias`,
 * plus `lambda / 2` times the squared length of `w`.
 *
 * Assumes that `y` is about linear in the features, with normal errors; the penalty is a normal
 * prior on the weights and keeps them finite when features are collinear or many. Standardize the
 * features first: one `lambda` prices all weights. The bias is not penalized. The examples are an
 * axis of their own, `N`, because the penalty is due once for all of them, however many there are:
 * a call is given the whole table as one example, and its gradients are those of `w` and `bias`.
 * `x[N, F]` in the features' units, `y[N]` in its own, `w[F]` in y per feature; the loss is in y's
 * unit squared.
 * Source: Hoerl and Kennard, Ridge regression: biased estimation for nonorthogonal problems, 1970.
 *
 * ridge(learned w[F], bias = 0, target x[N, F], y[N], param lambda in [0, inf) = 1)
 */
typedef struct lossc_ridge_f32_call {
    uint64_t cpu;                /* lossc_ridge_f32_cpu(), or 0: code for any CPU of the target */
    uint64_t flags;              /* LOSSC_SUM, LOSSC_CHECKED, both or none */
    uint64_t examples;           /* how many there are, at least 1 */
    uint64_t F;                  /* the length of axis F */
    uint64_t N;                  /* the length of axis N */
    const float *w;              /* learned [F]; required */
    const float *bias;           /* learned one; null: 0 */
    const float *x;              /* target [examples, N, F]; required */
    const float *y;              /* target [examples, N]; required */
    const float *lambda;         /* param one in [0, inf); null: 1 */
    const float *sample_weights; /* [examples]; null: 1 each */
    const double *upstream;      /* multiplies every gradient; null: 1 */
    float *values;               /* [examples]; null: not wanted */
    float *gradient_w;           /* [F]; null: not wanted */
    float *gradient_bias;        /* one; null: not wanted */
    void *workspace;             /* null where lossc_ridge_f32_workspace() gives 0 */
    uint64_t workspace_bytes;    /* how large it is */
} lossc_ridge_f32_call;

/* Computes what the call asks for and gives a status; summary may be null. */
int32_t lossc_ridge_f32(const lossc_ridge_f32_call *call, lossc_summary *summary);
/* How many bytes of workspace the call needs; UINT64_MAX: more than can be addressed. It reads the
 * numbers of the struct and which pointers are null. */
uint64_t lossc_ridge_f32_workspace(const lossc_ridge_f32_call *call);
/* The best code that this CPU runs, for the field cpu. */
uint64_t lossc_ridge_f32_cpu(void);
/* The LOSSC_ABI that the code was compiled for. */
extern const uint32_t lossc_ridge_f32_abi;

#endif

#ifdef __cplusplus
}
#endif
