/*
 * focal.h: loss functions compiled by lossc.
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

#ifndef lossc_focal_f32_DECLARED
#define lossc_focal_f32_DECLARED

/*
 * Focal loss over K classes: softmax cross-entropy in which what is already right counts less.
 *
 * Assumes that exactly one of K classes is right, and that most examples are easy. With `p` the
 * probability that was given to the label, the loss is `-weight (1 - p)^gamma log(p)`; `gamma = 0`
 * is weighted cross-entropy. It also keeps a network from growing overconfident. A negative label
 * is missing: no loss. The batch mean divides by the number of labelled examples, not by weights.
 * `weight[K]` prices each class. The loss is in nats.
 * Source: Lin et al., Focal loss for dense object detection, 2017; over classes: Mukhoti et al.,
 * Calibrating deep neural networks using focal loss, 2020.
 *
 * focal(pred logits[K], target label in K?, param gamma in [0, inf) = 2, weight[K] in [0, inf) = 1)
 */
typedef struct lossc_focal_f32_call {
    uint64_t cpu;                /* lossc_focal_f32_cpu(), or 0: code for any CPU of the target */
    uint64_t flags;              /* LOSSC_SUM, LOSSC_CHECKED, both or none */
    uint64_t examples;           /* how many there are, at least 1 */
    uint64_t K;                  /* the length of axis K */
    const float *logits;         /* pred [examples, K]; required */
    const int32_t *label;        /* target [examples] in K?, from 0; negative: missing; required */
    const float *gamma;          /* param one in [0, inf); null: 2 */
    const float *weight;         /* param [K] in [0, inf); null: 1 each */
    const float *sample_weights; /* [examples]; null: 1 each */
    const double *upstream;      /* multiplies every gradient; null: 1 */
    float *values;               /* [examples]; null: not wanted */
    float *gradient_logits;      /* [examples, K]; null: not wanted */
    void *workspace;             /* null where lossc_focal_f32_workspace() gives 0 */
    uint64_t workspace_bytes;    /* how large it is */
} lossc_focal_f32_call;

/* Computes what the call asks for and gives a status; summary may be null. */
int32_t lossc_focal_f32(const lossc_focal_f32_call *call, lossc_summary *summary);
/* How many bytes of workspace the call needs; UINT64_MAX: more than can be addressed. It reads the
 * numbers of the struct and which pointers are null. */
uint64_t lossc_focal_f32_workspace(const lossc_focal_f32_call *call);
/* The best code that this CPU runs, for the field cpu. */
uint64_t lossc_focal_f32_cpu(void);
/* The LOSSC_ABI that the code was compiled for. */
extern const uint32_t lossc_focal_f32_abi;

#endif

#ifdef __cplusplus
}
#endif
